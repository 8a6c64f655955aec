// A message that is pulled to the side by a finger is answered when it is let go.
const {message, x, y} = this.pulled ?? {}, way = event.clientX - x;
if (!message) return;
if (event.type === 'pointermove' && Math.abs(event.clientY - y) < 24) {
  if (Math.abs(way) > 10) clearTimeout(this.pressing);
  message.style.translate = Math.max(-72, Math.min(72, way)) + 'px';
  return;
}
message.style.translate = '';
this.pulled = null;
if (event.type === 'pointerup' && Math.abs(way) > 56) {
  trigger('#actions', 'show', {message});
  document.querySelector('#actions [data-key=r]').click();
}
