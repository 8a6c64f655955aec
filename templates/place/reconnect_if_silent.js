// The server sends something every 20 s. A connection silent for 45 s is dead, even if the system calls it open.
if (Date.now() - this.dataset.heard > 45000 && find('#state').dataset.at !== 'gone') process(this, true);
