const button = event.target.closest('.reaction > button'), quote = event.target.closest('.quote');
if (button && !this.hasPressed) {
  trigger('#act', 'react', {seq: button.closest('.message').dataset.seq, emoji: button.dataset.emoji});
}
if (quote) {
  // Back to what is quoted. The address of the page stays as it is, and so does the way back from here.
  event.preventDefault();
  const quoted = document.querySelector(quote.hash), note = document.createElement('span');
  note.textContent = this.querySelector('#actions').dataset.gone;
  if (quoted) quoted.tabIndex = -1;
  if (quoted) quoted.focus({focusVisible: true});
  else document.querySelector('#told').replaceChildren(note);
}
this.hasPressed = false;
