const keep = (name, value) => { document.cookie = this.dataset.prefix + name + '=' + value + this.dataset.attributes; };
keep('name', encodeURIComponent(find('#name').value));
if (find('[name=agreed]')) keep('agreed', 'yes');
find('#door-note').textContent = '';
