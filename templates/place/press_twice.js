// Once something has been said, leaving takes two presses, so that no talk ends by mistake.
const isSecond = this.classList.contains('pressed-once');
const forget = button => {
  clearTimeout(button.forgetting);
  button.classList.remove('pressed-once');
  button.nextElementSibling.textContent = '';
};
document.querySelectorAll('.pressed-once').forEach(forget);
if (isSecond || !document.querySelector('#messages > .message')) {
  trigger(this, 'sure');
} else {
  this.classList.add('pressed-once');
  this.nextElementSibling.textContent = this.dataset.hint;
  this.forgetting = setTimeout(forget, 3000, this);
}
