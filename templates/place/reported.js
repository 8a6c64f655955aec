document.querySelector('#met > .accused')?.setAttribute('data-reported', '');
trigger('#met', 'update');
document.querySelector('#report-card').hidePopover();
