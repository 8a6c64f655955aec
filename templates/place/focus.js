// A new screen gives the focus to what one does there first.
const at = document.querySelector('#state').dataset.at;
if (at !== this.dataset.at) document.querySelector({talk: '#text', door: '#name', ended: '#again button'}[at])?.focus();
this.dataset.at = at;
