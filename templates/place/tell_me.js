// The switches show what the browser remembers. Who turns one on is asked by the browser, and not before.
const {target} = event;
if (target?.matches?.('.tell-me')) {
  localStorage.setItem('tell-me', target.checked ? 'yes' : '');
  const asked = target.checked && window.Notification ? Notification.requestPermission() : Promise.resolve('');
  asked.then(answer => {
    const note = document.createElement('span');
    note.textContent = this.dataset.sound;
    if (target.checked && answer !== 'granted') document.querySelector('#told').replaceChildren(note);
  });
}
for (const each of document.querySelectorAll('.tell-me')) each.checked = localStorage.getItem('tell-me') === 'yes';
