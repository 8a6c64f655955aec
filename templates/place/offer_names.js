const box = document.querySelector('#text'), {me} = document.querySelector('#mine').dataset;
const begun = box.value.slice(0, box.selectionEnd).match(/(?:^|[^A-Za-z0-9_])@([^@]{0,24})$/)?.[1].toLowerCase();
const others = [...document.querySelectorAll('#people > li')].filter(person => person.dataset.by !== me);
const names = others.map(person => person.querySelector('bdi').textContent);
const isBegun = name => name.toLowerCase().startsWith(begun) && name.length > begun.length;
const fitting = begun === undefined ? [] : names.filter(isBegun).slice(0, 5);
this.replaceChildren(...fitting.map((name, index) => {
  const option = document.createElement('li');
  Object.assign(option, {id: 'name-' + index, role: 'option', textContent: name, ariaSelected: index === 0});
  return option;
}));
this.hidden = !fitting.length;
box.setAttribute('aria-activedescendant', fitting.length ? 'name-0' : '');
