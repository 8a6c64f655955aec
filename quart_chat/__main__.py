"""`python -m quart_chat` serves the chat at HOST and PORT."""

from quart import Quart

from quart_chat.server import main


def create_app() -> Quart:
    """Make the app only when asked, so that a signal meets the runner's handlers already."""
    from quart_chat import create_app

    return create_app()


if __name__ == "__main__":
    main(create_app)
