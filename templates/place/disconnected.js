// The next connection says what the page shows: which room, and up to which message.
const state = find('#state'), url = new URL(connection.url);
const last = [...this.querySelectorAll('#messages > .message')].pop();
for (const name of ['talking', 'room', 'seq']) url.searchParams.delete(name);
if (['talk', 'waiting'].includes(state.dataset.at)) {
  url.searchParams.set('talking', '1');
  url.searchParams.set('room', find('#room').value);
  url.searchParams.set('seq', last ? last.dataset.seq : '');
}
connection.url = url.href;
this.setAttribute('hx-ws:connect', connection.url);
this.dataset.heard = Date.now();
document.body.classList.add('offline');
if (code === 1008 || code >= 4000) {
  state.dataset.at = 'gone';
  for (const part of document.querySelectorAll('#gone [data-code]')) part.hidden = part.dataset.code !== String(code);
}
