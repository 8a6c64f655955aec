// On a page without https there is no clipboard; then the link is shown to be copied by hand.
if (!navigator.clipboard) return document.querySelector('#invite').showPopover();
navigator.clipboard.writeText(this.dataset.link);
this.classList.add('copied');
setTimeout(() => this.classList.remove('copied'), 2000);
