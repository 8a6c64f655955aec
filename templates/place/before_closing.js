// As Stop and Next ask for a second press: once something has been said to a stranger, or is still on its way.
const isTalking = this.dataset.strangers && document.querySelector('#state').dataset.at === 'talk';
if ((isTalking && document.querySelector('#messages > .message')) || document.querySelector('#pending > form')) {
  event.preventDefault();
}
