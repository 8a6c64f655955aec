// When the stranger changes, the draft for the one before is moved out of the box, and is offered beside it.
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
      // The hidden form goes on asking the server: if the message has arrived after all, the answer removes the item.
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
    // The page was disconnected when the stranger left, and has been told of the next one only.
    left.replaceChildren(document.querySelector('#talk-is-over').content.cloneNode(true));
    left.querySelector('bdi').textContent = this.dataset.partner;
  }
}
