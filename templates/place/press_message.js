// Pressing for half a second: on a message for its actions, on a reaction for the names of those who have reacted.
const reaction = event.target.closest('.reaction'), message = event.target.closest('.message[data-seq]');
if (event.pointerType !== 'touch' || event.target.closest('#actions, a')) return;
clearTimeout(this.pressing);
this.hasPressed = false;
this.querySelector('#actions').hidden = true;
for (const each of this.querySelectorAll('.pressed')) each.classList.remove('pressed');
this.pulled = message && !message.matches('.taken-back') ? {message, x: event.clientX, y: event.clientY} : null;
this.pressing = setTimeout(() => {
  this.hasPressed = true;
  (reaction ?? message)?.classList.add('pressed');
  if (message && !reaction) trigger('#actions', 'show', {message});
}, 500);
