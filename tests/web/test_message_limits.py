"""Messages are limited per page, per address, and in the lobby as a whole; what is too much is said kindly."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from quart_chat.app import create_app
from quart_chat.settings import Settings
from tests.clock import FakeClock
from tests.web.guest import Company, Guest, serving

SLOWER = "A little slower, please"
HOME, AWAY = "192.0.2.1", "192.0.2.2"


@asynccontextmanager
async def serving_with(settings: Settings) -> AsyncIterator[tuple[Company, FakeClock]]:
    """A chat whose clock goes when a test says so."""
    clock = FakeClock()
    async with serving(app=create_app(settings, clock)) as url:
        company = Company(url)
        yield company, clock
        await company.hang_up()


async def enters(company: Company, name: str, address: str) -> Guest:
    return await (await company.guest("/lobby", address=address)).enter(name)


async def test_pages_of_one_address_share_a_limit_and_a_refused_message_may_be_offered_again() -> None:
    """Issue 11, line 14."""
    async with serving_with(Settings(trusted_hops=1, address_messages_per_5s=2)) as (company, clock):
        ann, ada = await enters(company, "Ann", HOME), await enters(company, "Ada", HOME)
        bob = await enters(company, "Bob", AWAY)
        await ann.say("first")
        await bob.sees("first")
        await ada.say("second")
        await bob.sees("second")
        key = await ann.say("third")
        await ann.sees(SLOWER)
        await bob.say("from elsewhere")
        await ann.sees("from elsewhere")
        assert "third" not in bob.shown
        clock.seconds += 2.5
        await ann.say("third", key=key)
        await bob.sees("third")
        assert SLOWER not in bob.shown + ada.shown


async def test_the_lobby_takes_only_so_many_messages_and_rooms_go_on() -> None:
    """Issue 11, line 14."""
    async with serving_with(Settings(trusted_hops=1, lobby_messages_per_5s=2)) as (company, clock):
        ann, bob = await enters(company, "Ann", HOME), await enters(company, "Bob", AWAY)
        dot, eve = await company.strangers()
        await ann.say("first")
        await bob.sees("first")
        await bob.say("second")
        await ann.sees("second")
        key = await ann.say("third")
        await ann.sees(SLOWER)
        await dot.say("between us")
        await eve.sees("between us")
        clock.seconds += 2.5
        await ann.say("third", key=key)
        await bob.sees("third")
