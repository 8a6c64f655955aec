import pytest
from hypothesis import given
from hypothesis import strategies as st

from quart_chat.domain.limits import Limit, MessageLimits

OF_AN_ADDRESS, OF_THE_LOBBY = Limit(3, 6.0), Limit(5, 10.0)

steps = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.sampled_from((0.0, 0.1, 0.5, 3.0))), max_size=60)


@pytest.fixture
def limits() -> MessageLimits:
    return MessageLimits(OF_AN_ADDRESS, OF_THE_LOBBY, 0.0)


class TestMessageLimits:
    """Issue 11, line 14."""

    def test_all_pages_of_an_address_share_its_messages_and_another_address_has_its_own(
        self, limits: MessageLimits
    ) -> None:
        assert [limits.take("ann", in_lobby=False, now=0.0) for _ in range(4)] == [True, True, True, False]
        assert limits.take("bob", in_lobby=False, now=0.0)
        assert limits.take("ann", in_lobby=False, now=2.0)

    def test_the_lobby_takes_so_many_from_all_together(self, limits: MessageLimits) -> None:
        assert all(limits.take(f"address {number}", in_lobby=True, now=0.0) for number in range(5))
        assert not limits.take("one more", in_lobby=True, now=0.0)
        assert limits.take("one more", in_lobby=True, now=2.0)

    def test_a_full_lobby_stops_nobody_elsewhere(self, limits: MessageLimits) -> None:
        for number in range(6):
            limits.take(f"address {number}", in_lobby=True, now=0.0)
        assert limits.take("ann", in_lobby=False, now=0.0)

    def test_a_message_that_is_refused_costs_nothing(self, limits: MessageLimits) -> None:
        for _ in range(10):
            limits.take("ann", in_lobby=True, now=0.0)
        assert [limits.take("bob", in_lobby=True, now=0.0) for _ in range(3)] == [True, True, False]
        assert limits.take("bob", in_lobby=False, now=0.0)
        assert not limits.take("bob", in_lobby=False, now=0.0)

    @given(steps)
    def test_never_more_than_burst_and_rate_from_an_address_or_into_the_lobby(
        self, steps: list[tuple[str, bool, float]]
    ) -> None:
        limits, now = MessageLimits(OF_AN_ADDRESS, OF_THE_LOBBY, 0.0), 0.0
        taken: list[tuple[str, bool]] = []
        for address, in_lobby, step in steps:
            now += step
            if limits.take(address, in_lobby, now):
                taken.append((address, in_lobby))
            for each in "abc":
                assert sum(one == each for one, _ in taken) <= 3 + 0.5 * now + 1e-6
            assert sum(lobby for _, lobby in taken) <= 5 + 0.5 * now + 1e-6
