// Arrows walk over the messages, Enter goes to the actions of one, Escape leads back step by step.
const message = event.target.closest('.message'), actions = this.querySelector('#actions');
const isIn = actions.contains(event.target);
const walk = {ArrowUp: 'previousElementSibling', ArrowDown: 'nextElementSibling'}[event.key];
const step = {ArrowLeft: -1, ArrowRight: 1}[event.key];
let next;
if (event.key === 'Escape' && (message || isIn)) {
  next = isIn ? actions.message : document.querySelector('#text');
} else if (message === event.target && walk) {
  next = message[walk];
  while (next && !next.matches('.message')) next = next[walk];
  if (!next && walk === 'nextElementSibling') next = document.querySelector('#text');
} else if (message === event.target && ['Enter', ' '].includes(event.key)) {
  next = actions.querySelector('button:not([hidden])');
} else if (message === event.target && !event.ctrlKey && !event.metaKey && /^[a-z]$/.test(event.key)) {
  const button = actions.querySelector('[data-key=' + event.key + ']:not([hidden])');
  if (button) event.preventDefault();
  button?.click();
} else if (isIn && step) {
  const buttons = [...actions.querySelectorAll('button:not([hidden])')];
  next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length];
}
if (next) {
  event.preventDefault();
  event.stopPropagation();
  if (next.matches('.message')) next.tabIndex = -1;
  next.focus();
}
