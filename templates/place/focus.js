// A new screen moves the focus to what is done there first. After a draft was set aside that is not the box:
// somebody who is still typing would write to the wrong stranger.
const {at} = document.querySelector('#state').dataset, shown = at + document.querySelector('#room').value;
if (shown !== this.dataset.shown) {
  trigger('#answering', 'end');
  const drafts = document.querySelectorAll('#unsent > .new');
  const first = {
    talk: drafts.length ? '#unsent' : '#text', door: '#name', ended: '#again button', banned: '#banned a',
  };
  document.querySelector(first[at])?.focus();
  if (at === 'talk') drafts.forEach(draft => draft.classList.remove('new'));
}
this.dataset.shown = shown;
