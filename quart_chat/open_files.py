"""How many files and sockets the system lets this process have open at once."""

import sys

from quart_chat.log import log

BESIDE_SOCKETS = 300  # connections for pages, the store's, files


def allow_open_files(sockets: int) -> None:
    """Raise the limit as far as it may be raised; warn when so many sockets would not fit even then.

    Many systems begin with 1,024. A server that has used them up accepts nobody, and says nothing.
    """
    if sys.platform == "win32":  # there is no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        soft = _raised(soft, hard)
    if soft != resource.RLIM_INFINITY and soft < sockets + BESIDE_SOCKETS:
        log.warning("too few open files allowed", extra={"allowed": soft, "wanted": sockets + BESIDE_SOCKETS})


def _raised(soft: int, hard: int) -> int:
    """Set the limit to what it may be at most; returns what it is then."""
    import resource

    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS takes no unlimited number
        return soft
    return hard
