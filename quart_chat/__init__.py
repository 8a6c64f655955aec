"""quart-chat: talk with strangers, in a lobby or in rooms by code, without an account."""

from quart_chat.app import VERSION, create_app

__version__ = VERSION

__all__ = ["__version__", "create_app"]
