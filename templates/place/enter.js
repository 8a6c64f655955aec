const year = ';path=/;max-age=31536000;samesite=lax';
document.cookie = 'name=' + encodeURIComponent(find('#name').value) + year;
if (find('[name=agreed]')) document.cookie = 'agreed=yes' + year;
find('#door-note').textContent = '';
