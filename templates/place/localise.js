let day;
for (const li of this.querySelectorAll('.message')) {
  if (!li.dataset.day) {
    const time = li.querySelector('time'), at = new Date(time.dateTime);
    time.textContent = at.toLocaleTimeString([], {hour: '2-digit', minute: '2-digit'});
    li.dataset.day = at.toLocaleDateString([], {weekday: 'long', day: 'numeric', month: 'long'});
  }
  li.classList.toggle('new-day', li.dataset.day !== day);
  day = li.dataset.day;
}
