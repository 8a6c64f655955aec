// Reactions come as the same HTML for everybody: those of the reader are pressed.
const {me} = document.querySelector('#mine').dataset;
for (const button of this.querySelectorAll('.reaction > button:not([aria-pressed])')) {
  button.ariaPressed = button.dataset.by.split(' ').includes(me);
}
