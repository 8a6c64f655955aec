// Puts `emoji` under the message with number `seq`, or takes it away if the reader has put it there.
const before = document.getElementById('b-' + seq + '-' + emoji);
const on = before?.ariaPressed === 'true' ? '' : 'yes';
for (const [name, value] of Object.entries({do: 'react', seq, emoji, on})) this.elements[name].value = value;
trigger(this, 'send');
