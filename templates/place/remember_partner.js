// A stranger can be reported for some minutes after the talk too, by the list in place/report.html.
if (room !== this.dataset.room) {
  const met = document.querySelector('#met'), present = met.querySelector('li:not([data-until])');
  if (present) present.dataset.until = Date.now() + met.dataset.minutes * 60000;
  if (room) {
    const item = document.querySelector('#met-item').content.querySelector('li').cloneNode(true);
    item.dataset.room = room;
    item.querySelector('bdi').textContent = partner;
    met.append(item);
  }
  trigger(met, 'update');
}
Object.assign(this.dataset, {room, partner, left: left.textContent});
