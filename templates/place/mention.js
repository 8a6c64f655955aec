const panel = this.parentElement, name = this.person.querySelector('bdi').textContent;
this.hidden = true;
if (panel.matches(':popover-open')) panel.hidePopover();
document.querySelector('#names').hidden = true;
trigger('#names', 'take', {name});
