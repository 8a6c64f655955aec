import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.settings import Settings
from quart_chat.web.address_limits import AddressLimits
from tests.clock import FakeClock

SETTINGS = Settings(address_messages_per_5s=3, lobby_messages_per_5s=5)

steps = st.lists(st.tuples(st.sampled_from("123"), st.booleans(), st.sampled_from((0.0, 0.1, 0.5, 3.0))), max_size=60)


class Messages:
    """The messages that are taken from addresses, with a clock that tests move."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._limits = AddressLimits(SETTINGS, b"key", self.clock)

    def take(self, address: str, to_lobby: bool = False) -> bool:
        return self._limits.may_send(self._limits.networks_of(f"192.0.2.{address}"), to_lobby)


@pytest.fixture
def messages() -> Messages:
    return Messages()


class TestMessages:
    """Issue 11, line 14."""

    def test_all_pages_of_an_address_share_its_messages_and_another_address_has_its_own(
        self, messages: Messages
    ) -> None:
        assert [messages.take("1") for _ in range(4)] == [True, True, True, False]
        assert messages.take("2")
        messages.clock.seconds += 2.0
        assert messages.take("1")

    def test_the_many_networks_of_one_customer_share_some_allowances(self, messages: Messages) -> None:
        limits = AddressLimits(SETTINGS, b"key", messages.clock)
        taken = [
            limits.may_send(limits.networks_of(f"2001:db8:0:{number:x}::1"), to_lobby=False) for number in range(100)
        ]
        assert sum(taken) == 4 * SETTINGS.address_messages_per_5s

    def test_the_lobby_takes_so_many_from_all_together(self, messages: Messages) -> None:
        assert all(messages.take(str(number), to_lobby=True) for number in range(5))
        assert not messages.take("9", to_lobby=True)
        messages.clock.seconds += 1.0
        assert messages.take("9", to_lobby=True)

    def test_a_full_lobby_stops_nobody_elsewhere(self, messages: Messages) -> None:
        for number in range(6):
            messages.take(str(number), to_lobby=True)
        assert messages.take("9")

    def test_a_message_that_is_refused_costs_nothing(self, messages: Messages) -> None:
        for _ in range(10):
            messages.take("1", to_lobby=True)
        assert [messages.take("2", to_lobby=True) for _ in range(3)] == [True, True, False]
        assert [messages.take("2") for _ in range(2)] == [True, False]

    @given(steps)
    def test_never_more_than_burst_and_rate_from_an_address_or_into_the_lobby(
        self, steps: list[tuple[str, bool, float]]
    ) -> None:
        messages, taken, passed = Messages(), list[tuple[str, bool]](), 0.0
        for address, to_lobby, step in steps:
            messages.clock.seconds += step
            passed += step
            if messages.take(address, to_lobby):
                taken.append((address, to_lobby))
            for each in "123":
                assert sum(one == each for one, _ in taken) <= 3 + 0.6 * passed + 1e-3
            assert sum(lobby for _, lobby in taken) <= 5 + 1.0 * passed + 1e-3
