// `seq` is the message that is meant, `words` what it says. A draft makes room for the words that are edited.
const box = document.querySelector('#text');
trigger(this, 'end');
Object.assign(this.dataset, {seq, edits: edits ? 'yes' : ''});
this.querySelector('.words').textContent = words;
if (edits) {
  this.draft = box.value;
  box.value = words;
}
this.hidden = false;
box.focus();
