"""Why the server closes a socket (RFC 6455, section 7.4). A page comes back by itself unless it must stay away."""

from enum import IntEnum


class CloseCode(IntEnum):
    """The codes of our close frames; from 4000 on they are our own, and a page that gets one stays away."""

    PROTOCOL_ERROR = 1002
    BAD_TEXT = 1007
    POLICY = 1008  # too much at once: stay away
    TOO_BIG = 1009
    INTERNAL_ERROR = 1011
    RESTARTING = 1012
    TRY_LATER = 1013
    UNKNOWN_PAGE = 4403  # the browser has lost the cookie that the page came with: load it anew
    REPLACED = 4409  # the same page is open elsewhere
