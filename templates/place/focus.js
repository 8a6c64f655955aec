// A new screen gives the focus to what one does there first. After a draft was set aside that is not the box:
// somebody who goes on typing would write to the wrong one.
const {at} = document.querySelector('#state').dataset, shown = at + document.querySelector('#room').value;
if (shown !== this.dataset.shown) {
  const drafts = document.querySelectorAll('#unsent > .new');
  const first = {talk: drafts.length ? '#unsent' : '#text', door: '#name', ended: '#again button'}[at];
  document.querySelector(first)?.focus();
  if (at === 'talk') drafts.forEach(draft => draft.classList.remove('new'));
}
this.dataset.shown = shown;
