// From an empty box the newest message is one key away.
// Escape gives up what the next message would be about.
const answering = document.querySelector('#answering');
if (event.key === 'Escape' && !answering.hidden) {
  event.stopPropagation();
  trigger(answering, 'end');
}
const last = [...document.querySelectorAll('#messages > .message')].pop();
if (event.key === 'ArrowUp' && !this.value && last) {
  event.preventDefault();
  last.tabIndex = -1;
  last.focus();
}
