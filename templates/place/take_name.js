// `name` takes the place of what was begun behind the last @ before the cursor, or stands at the cursor.
const box = document.querySelector('#text'), before = box.value.slice(0, box.selectionEnd);
const at = before.search(/@[^@]{0,24}$/), isBegun = at >= 0 && !this.hidden;
box.setRangeText('@' + name + ' ', isBegun ? at : box.selectionEnd, box.selectionEnd, 'end');
this.hidden = true;
box.setAttribute('aria-activedescendant', '');
box.focus();
trigger('#draft', 'keep');
