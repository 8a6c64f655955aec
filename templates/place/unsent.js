const button = event.target.closest('button');
if (!button) return;
const item = button.closest('li'), text = document.querySelector('#text');
if (button.matches('.put-back')) {
  text.value = [text.value, item.querySelector('.words').textContent].filter(Boolean).join('\n');
}
item.remove();
text.focus();
