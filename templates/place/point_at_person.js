// The button stands here once, and moves to the person that is pointed at, touched or has the focus.
const person = event.target.closest('#people > li'), button = this.querySelector('#mention');
if (person) {
  button.person = person;
  button.hidden = false;
  button.style.top = person.offsetTop + 'px';
} else if (!button.contains(event.target)) {
  button.hidden = true;
}
