// What others have done since the tab was hidden is counted in its title; some of it is worth a call.
const room = document.querySelector('#room').value, {me} = document.querySelector('#mine').dataset;
const {kind} = this.dataset, isMentioned = item => item.querySelector('.mention[data-by=\'' + me + '\']');
const last = Number([...document.querySelectorAll('#messages > .message')].pop()?.dataset.seq ?? 0);
const people = parseInt(document.querySelector('#count')?.textContent) || 0;
const before = this.before ?? {};
this.before = {room, last, people};
if (!document.hidden) return;
const isNew = room !== before.room, fresh = [];
for (let item = document.querySelector('#messages')?.lastElementChild; item; item = item.previousElementSibling) {
  if (!item.matches('.message')) continue;
  if (!isNew && Number(item.dataset.seq) <= before.last) break;
  if (item.dataset.by !== me) fresh.push(item);
}
const strangers = kind === 'text' || kind === 'video';
const isMatch = strangers && isNew && room, isVisit = kind === 'room' && before.people === 1 && people > 1;
this.count = (this.count ?? 0) + fresh.length + (isMatch || isVisit ? 1 : 0);
if (isMatch) trigger(this, 'call', {why: 'match'});
else if (isVisit) trigger(this, 'call', {why: 'entered'});
else if (strangers && fresh.length) trigger(this, 'call', {why: 'message'});
else if (fresh.some(isMentioned)) trigger(this, 'call', {why: 'mention'});
if (this.count) {
  this.title0 ??= document.title;
  document.title = '(' + this.count + ') ' + this.title0;
  navigator.setAppBadge?.(this.count);
  const icon = document.querySelector('link[rel=icon][type]');
  this.icon0 ??= icon.href;
  icon.href = this.dataset.marked;
}
