from tests.chat.conftest import store_of

__all__ = ["store_of"]
