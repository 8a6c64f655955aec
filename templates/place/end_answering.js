if (this.dataset.edits) document.querySelector('#text').value = this.draft;
Object.assign(this.dataset, {seq: '', edits: ''});
this.hidden = true;
