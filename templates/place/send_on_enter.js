if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
  event.preventDefault();
  this.form.requestSubmit();
}
