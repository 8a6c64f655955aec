// `message` is what the actions are for from now on. They stand in its row, at the other side than its bubble.
const bubble = message.querySelector('.bubble'), log = this.parentElement.getBoundingClientRect();
const {me} = document.querySelector('#mine').dataset, sent = new Date(message.querySelector('time').dateTime);
const mayChange = message.dataset.by === me && Date.now() - sent < this.dataset.minutes * 60000;
for (const button of this.querySelectorAll('[data-own]')) button.hidden = !mayChange;
this.message = message;
this.dataset.seq = message.dataset.seq;
this.dataset.side = getComputedStyle(bubble).justifySelf;
this.style.top = bubble.getBoundingClientRect().top - log.top + 'px';
this.hidden = message.matches('.taken-back');
