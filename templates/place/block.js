// After a talk the server answers only what it refuses.
const goesOn = document.querySelector('#met > .accused:not([data-until])');
const blocked = document.querySelector('#blocked').content.cloneNode(true);
if (!goesOn) document.querySelector('#told').replaceChildren(blocked);
document.querySelector('#report-card').hidePopover();
