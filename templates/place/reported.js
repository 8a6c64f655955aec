this.querySelector('.accused')?.setAttribute('data-reported', '');
trigger('#met', 'update');
this.hidePopover();
