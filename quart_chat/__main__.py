"""`python -m quart_chat` serves the chat at HOST and PORT; with a command it does that instead."""

import os
import sys

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


def run_command(arguments: list[str]) -> int:
    """Do what an operator asks for beside the server; returns the exit status."""
    from quart_chat.commands import main as do

    return do(arguments)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(run_command(sys.argv[1:]))
    main(create_app)
