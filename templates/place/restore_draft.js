const room = document.querySelector('#room').value, box = document.querySelector('#text');
const store = this.dataset.strangers ? sessionStorage : localStorage;
if (room && room !== this.dataset.room && !box.value) {
  box.value = store.getItem('draft ' + (this.dataset.strangers ? room : location.pathname)) ?? '';
}
this.dataset.room = room;
