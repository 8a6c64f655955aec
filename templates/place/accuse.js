// `item` is the stranger's item in #met.
for (const each of this.querySelectorAll('#met > li')) each.classList.toggle('accused', each === item);
this.querySelector('[name=room]').value = item.dataset.room;
this.querySelector('#accused').textContent = item.querySelector('bdi').textContent;
this.togglePopover(true);
