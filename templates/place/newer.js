const last = [...document.querySelectorAll('#messages > .message')].pop();
const readsAbove = document.querySelector('.scroll').scrollTop < -60;
if (last && last.id !== this.dataset.last && readsAbove) this.hidden = false;
this.dataset.last = last ? last.id : '';
