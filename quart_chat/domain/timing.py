"""Every duration of the app, in seconds, each with its reason. What follows from another one is computed."""

DAY = 86_400.0

# Being away. The count begins when the server knows that the line is gone.
SHOWN_AWAY_AFTER = 5.0  # shorter breaks are nobody's business
PARTNER_WAIT = 45.0  # a stranger waits; longer than a phone's switch from Wi-Fi to cellular
RESUME_WINDOW = 120.0  # a seat in the lobby, a room or a queue is kept

# Lines between server and page.
BEAT_EVERY = 20.0  # every page hears something, and answers; below the 55 s after which platforms cut a silent line
MUTE_AFTER = 3 * BEAT_EVERY  # a page that has not answered for longer is gone
CHECKED_AFTER_BEAT = 5.0  # time for a slow line to answer
GATHERED_FOR = 1.0  # joins and leaves go out together, so that a crowd is no flood

TICK = 1.0  # the chat looks what time asks for; people do not notice so little

# Meeting strangers.
PATIENCE = 5.0  # both have waited so long before they meet somebody whom they have just met
RECENT_FOR = 3_600.0  # a partner counts as recent; within an hour people remember each other
BLOCKED_FOR = 30 * 86_400.0  # a block lasts; longer than most cookies of people who come to harass

# Rooms and messages.
UNVISITED_ROOM = 600.0  # a created room waits for its first visitor; time to send the link to a friend
CODE_RESTS = 86_400.0  # before the code of a closed room may open another one: old links lead nowhere
GROUPED_WITHIN = 60.0  # a later message of the same author gets a head of its own
CHANGEABLE_FOR = 600.0  # a message, by its author; time to notice a mistake, while others still remember what it was
KEYS_REMEMBERED_FOR = 600.0  # after a visitor's last message; nothing is offered again after that

# Safety.
REPORTABLE_FOR = 600.0  # after a talk: time to find the button, and for a page to come back and press it
REPORTS_COUNT_FOR = 3_600.0  # reports within an hour add up to a ban
FIRST_BAN = 86_400.0  # each further one is twice as long
LONGEST_BAN = 30 * 86_400.0
ADDRESS_BAN = 6 * 3_600.0  # short: other people share an address
BANS_REMEMBERED_FOR = 2 * LONGEST_BAN  # since the last one, which the next one is longer than

LONGEST_WAIT = 3_600.0  # between two guesses, however many were wrong

# Ending connections and processes. DRAIN, CLOSE_GRACE and EXIT together stay below the 10 s after which platforms kill.
CLOSE_ANSWER = 2.0  # for a client to answer a close frame
CLOSE_WRITE = 5.0  # for a client that reads slowly to take the close frame
LINGER = 3.0  # for a closed connection to take what was written to it
CLOSING_PAUSE = 0.02  # between two groups of sockets that are told to come back; 2,000 are told within a second
DRAIN = 2.0  # for the app to close all its sockets
CLOSE_GRACE = 1.5  # for clients to answer that, and for those behind to read so far
EXIT = 5.0  # from there for the server to end; then it is given up
WORKER_STOP = 1.5 * (DRAIN + CLOSE_GRACE + EXIT)  # for all processes of one machine to end
DATA_DIR_FREE_WITHIN = WORKER_STOP  # for the process before to let go of DATA_DIR

# Rows on a disk.
STORAGE_RETRY = 5.0  # between two tries to write to a disk that takes nothing
STORAGE_STOP = 2.0  # for the last rows to be written
EXPIRED_FORGOTTEN_EVERY = 3_600.0  # no retention is shorter

# Starting several processes.
WORKER_START = 5.0  # one that fails sooner has a setting that it cannot live with
WORKER_PAUSE = 1.0  # before a crashed process is started again

# Several processes on one store.
LEASE_EVERY = 5.0  # a process says that it lives
LEASE = 6 * LEASE_EVERY  # and is believed for as long; a few lost words are no death
ANSWER_LIMIT = 2.0  # for the store to answer before it counts as away
TRY_EVERY = 0.5  # between two tries to reach it again
TOLD_AFTER = 3.0  # before people are told that it is away; most breaks are shorter
REASSEMBLY = 1.0  # for all processes to offer what they know to a store that has lost it
RENEW_EVERY = 60.0  # the store is asked to keep what is still in use
STORE_KEEPS = 15 * RENEW_EVERY  # what nobody renews any more
SPARE = 0.01  # added to a timer that must not be early, and between two looks at something that has no event

# In browsers.
COOKIES_KEPT = 365 * 86_400.0  # and files whose name changes with their content
