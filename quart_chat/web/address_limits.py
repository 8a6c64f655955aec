"""How much one address may do: open sockets, send messages, make rooms, guess codes."""

import hmac
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from quart_chat.domain.addresses import Network, networks_of
from quart_chat.domain.limits import Bucket, GrowingWait, Ledgers, Limit, OpenCounts, take_from_each
from quart_chat.domain.ports import Clock
from quart_chat.settings import Settings


class AddressLimits:
    """Counts per address and, in IPv6, per network, each of which is kept only as a keyed hash."""

    def __init__(self, settings: Settings, secret_key: bytes, clock: Clock) -> None:
        self._settings = settings
        self._secret_key = secret_key
        self._clock = clock
        self._sockets = OpenCounts(settings.sockets_per_address)
        self._handshakes = _buckets(settings.handshakes_per_minute)
        self._rooms = _buckets(settings.rooms_per_minute)
        self._messages = _buckets(settings.address_messages_per_5s, 5.0)
        self._lobby = Bucket(Limit(settings.lobby_messages_per_5s, 5.0), clock.now())
        self._guesses = Ledgers(
            lambda share, now: GrowingWait(Limit(share * settings.wrong_codes_per_minute, 60.0), now)
        )

    @property
    def sockets(self) -> int:
        """How many sockets are open in this process."""
        return self._sockets.total

    def is_full(self) -> bool:
        """Say whether this process has taken all the sockets it may."""
        return self.sockets >= self._settings.sockets_per_process

    def networks_of(self, address: str | None) -> list[Network]:
        """All that an address counts for, each named by its hash. A socket asks for them once.

        The first is the address, or the /64 it is in; the last what one customer of a provider may own, in IPv6 a /48.
        """
        return [replace(network, name=self._hash(network.name)) for network in networks_of(address or "")]

    def hash_of(self, address: str | None) -> str:
        """What an address, or the /64 it is in, is called in the log, in reports and in bans."""
        return self.networks_of(address)[0].name

    def open_socket(self, networks: Sequence[Network]) -> bool:
        """Count one more socket of an address, unless it has too many or opens them too often."""
        now = self._clock.now()
        if not self._sockets.add(networks):
            return False
        if not take_from_each(self._handshakes.of(networks, now), now):
            self._sockets.remove(networks)
            return False
        return True

    def close_socket(self, networks: Sequence[Network]) -> None:
        """Count one socket less."""
        self._sockets.remove(networks)

    def may_send(self, networks: Sequence[Network], to_lobby: bool) -> bool:
        """Take one of the messages that an address may send, and of those that the lobby takes from everybody together.

        The lobby has a limit of its own because all of its readers pay for a crowd that writes from many addresses.
        """
        now = self._clock.now()
        buckets = self._messages.of(networks, now)
        return take_from_each([*buckets, self._lobby] if to_lobby else buckets, now)

    def may_make_room(self, address: str | None) -> bool:
        """Take one of the rooms that an address may make."""
        now = self._clock.now()
        return take_from_each(self._rooms.of(self.networks_of(address), now), now)

    def may_guess(self, address: str | None) -> bool:
        """Say whether an address may try another code."""
        now = self._clock.now()
        return all(wait.may_try(now) for wait in self._guesses.of(self.networks_of(address), now))

    def note_wrong_guess(self, address: str | None) -> None:
        """Make the next try of an address that guesses codes wait longer."""
        now = self._clock.now()
        for wait in self._guesses.of(self.networks_of(address), now):
            wait.fail(now)

    def _hash(self, name: str) -> str:
        return hmac.digest(self._secret_key, name.encode(), sha256).hex()[:16]


def _buckets(burst: int, seconds: float = 60.0) -> Ledgers[Bucket]:
    return Ledgers(lambda share, now: Bucket(Limit(share * burst, seconds), now))
