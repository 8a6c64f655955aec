// Another talk, or none: what was written for the stranger of before goes out of the box, and is offered beside it.
const room = document.querySelector('#room').value, left = document.querySelector('#left');
const partner = document.querySelector('#partner bdi').textContent;
if (this.dataset.room && this.dataset.room !== room) {
  const text = document.querySelector('#text');
  const setAside = (words, form) => {
    const item = document.querySelector('#unsent-item').content.querySelector('li').cloneNode(true);
    item.className = 'new';
    item.querySelector('bdi').textContent = this.dataset.partner;
    item.querySelector('.words').textContent = words;
    if (form) {
      // It goes on asking the server, unseen: should the message have arrived, the answer takes the item away.
      item.id = form.id;
      form.removeAttribute('id');
      form.hidden = true;
      item.append(form);
    }
    document.querySelector('#unsent').append(item);
  };
  for (const form of document.querySelectorAll('#pending > form')) setAside(form.elements.text.value, form);
  if (text.value.trim()) setAside(text.value);
  text.value = '';
  if (room && left.textContent === this.dataset.left) {
    // The page was away when the other one went, and has heard of the next one only.
    left.replaceChildren(document.querySelector('#talk-is-over').content.cloneNode(true));
    left.querySelector('bdi').textContent = this.dataset.partner;
  }
}
