// A mouse over a message or the focus on it brings the actions there. A finger brings them by pressing for a while.
// A message that moves under a mouse at rest must not take the actions from the one they were just opened for.
if (event.pointerType === 'touch' || (event.type === 'focusin' && !event.target.matches(':focus-visible'))) return;
if (event.type === 'pointermove' && !event.movementX && !event.movementY) return;
const message = event.target.closest('.message[data-seq]'), actions = this.querySelector('#actions');
if (message && (message !== actions.message || actions.hidden)) trigger(actions, 'show', {message});
else if (!message && !event.target.closest('#actions')) trigger(actions, 'away');
