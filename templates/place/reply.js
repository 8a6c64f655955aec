const {message} = this.parentElement;
const [name, words] = ['.author', '.words'].map(part => message.querySelector(part).textContent);
this.parentElement.hidden = true;
trigger('#answering', 'begin', {seq: message.dataset.seq, edits: false, words: name + ': ' + words});
