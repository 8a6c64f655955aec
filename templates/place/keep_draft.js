const store = this.dataset.strangers ? sessionStorage : localStorage, {value} = document.querySelector('#text');
const key = 'draft ' + (this.dataset.strangers ? document.querySelector('#room').value : location.pathname);
if (!document.querySelector('#answering').dataset.edits) {
  if (value) store.setItem(key, value);
  else store.removeItem(key);
}
