// While names are offered, arrows choose one, Enter or Tab takes it, and Escape sends them away.
const offered = document.querySelector('#names'), options = [...offered?.children ?? []];
if (offered?.hidden === false) {
  const chosen = options.findIndex(option => option.ariaSelected === 'true');
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (step) {
    const next = (chosen + step + options.length) % options.length;
    options.forEach((option, index) => { option.ariaSelected = index === next; });
    this.setAttribute('aria-activedescendant', options[next].id);
  } else if (event.key === 'Escape') {
    offered.hidden = true;
  } else if (['Enter', 'Tab'].includes(event.key)) {
    trigger(offered, 'take', {name: options[chosen].textContent});
  }
  if (step || ['Escape', 'Enter', 'Tab'].includes(event.key)) {
    event.preventDefault();
    event.stopPropagation();
    return;
  }
}
