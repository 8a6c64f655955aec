// Beside the actions it belongs to, and within the window; on a phone the style sheet puts it at the bottom.
if (event.newState !== 'open') return;
const {left, bottom} = document.querySelector('#actions').getBoundingClientRect();
this.style.left = Math.max(8, Math.min(left, innerWidth - 336)) + 'px';
this.style.top = Math.max(8, Math.min(bottom + 4, innerHeight - 160)) + 'px';
