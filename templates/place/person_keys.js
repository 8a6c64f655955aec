const walk = {ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling'}[event.key];
const person = event.target.closest('#people > li');
const next = walk ? (person ? person[walk] : event.target === this ? this.querySelector('#people > li') : null) : null;
if (person && event.key === 'Enter') {
  event.preventDefault();
  this.querySelector('#mention').click();
}
if (next) {
  event.preventDefault();
  next.tabIndex = -1;
  next.focus();
}
