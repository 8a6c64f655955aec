"""quart-chat: talk with strangers, in a lobby or in rooms by code, without an account."""

from quart_chat.app import VERSION as __version__
from quart_chat.app import create_app

__all__ = ["__version__", "create_app"]
