const end = this.querySelector('time');
if (end) end.textContent = new Date(end.dateTime).toLocaleString([], {dateStyle: 'long', timeStyle: 'short'});
