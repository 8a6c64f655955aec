if (this.classList.toggle('pressed-once') && document.querySelector('#messages > .message')) {
  setTimeout(() => this.classList.remove('pressed-once'), 3000);
} else {
  this.classList.remove('pressed-once');
  trigger(this, 'sure');
}
