// Strangers of talks too long ago are removed. The last stranger whose talk is over has a button on each screen.
for (const item of [...this.children]) if (item.dataset.until < Date.now()) item.remove();
const last = [...this.querySelectorAll('[data-until]:not([data-reported])')].pop();
for (const button of document.querySelectorAll('.report-last')) {
  button.hidden = !last;
  button.querySelector('bdi').textContent = last ? last.querySelector('bdi').textContent : '';
}
document.querySelector('#report').hidden = !this.lastElementChild;
