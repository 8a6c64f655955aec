// The server is heard every 20 s; a line that is silent for 45 s is dead, whatever the system says of it.
if (Date.now() - this.dataset.heard > 45000 && find('#state').dataset.at !== 'gone') process(this, true);
