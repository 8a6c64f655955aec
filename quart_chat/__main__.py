"""`python -m quart_chat` serves the chat at HOST and PORT."""

import os

from quart import Quart

from quart_chat.server import main


def create_app() -> Quart:
    """Make the app only when asked, so that a signal meets the runner's handlers already."""
    from quart_chat.app import create_app
    from quart_chat.log import configure
    from quart_chat.open_files import allow_open_files
    from quart_chat.settings import Settings

    settings = Settings.from_environ(os.environ)
    configure(settings.log_level)
    allow_open_files(settings.sockets_per_process)

    return create_app(settings)


if __name__ == "__main__":
    main(create_app)
