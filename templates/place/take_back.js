const act = document.querySelector('#act'), {seq} = this.parentElement.dataset;
for (const [name, value] of Object.entries({do: 'take_back', seq, emoji: '', on: ''})) act.elements[name].value = value;
trigger(act, 'send');
document.querySelector('#text').focus();
this.parentElement.hidden = true;
