from quart_chat.domain.messages import KEYS_KEPT, KEYS_KEPT_FOR, KeyRing
from quart_chat.domain.visitors import VisitorId

ANN, BOB = VisitorId("ann"), VisitorId("bob")


def test_a_key_belongs_to_its_author_and_its_room() -> None:
    keys = KeyRing()
    keys.add(ANN, "lobby", "key", 0.0)
    assert keys.has(ANN, "lobby", "key")
    assert not keys.has(BOB, "lobby", "key")
    assert not keys.has(ANN, "elsewhere", "key")


def test_the_oldest_keys_of_who_says_much_are_forgotten() -> None:
    keys = KeyRing()
    for number in range(KEYS_KEPT + 1):
        keys.add(ANN, "lobby", f"key {number}", 0.0)
    assert not keys.has(ANN, "lobby", "key 0")
    assert keys.has(ANN, "lobby", "key 1")


def test_who_has_been_silent_for_long_is_forgotten() -> None:
    keys = KeyRing()
    keys.add(ANN, "lobby", "key", 0.0)
    keys.add(BOB, "lobby", "key", 1.0)
    keys.forget(KEYS_KEPT_FOR)
    assert not keys.has(ANN, "lobby", "key")
    assert keys.has(BOB, "lobby", "key")
