const {message} = this.parentElement, words = message.querySelector('.words').textContent;
this.parentElement.hidden = true;
trigger('#answering', 'begin', {seq: message.dataset.seq, edits: true, words});
