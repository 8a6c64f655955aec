event.preventDefault();
const box = this.querySelector('input');
trigger('#act', 'react', {seq: document.querySelector('#actions').dataset.seq, emoji: box.value.trim()});
box.value = '';
document.querySelector('#emoji').hidePopover();
