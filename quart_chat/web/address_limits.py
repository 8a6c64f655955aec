"""How much one address may do: open sockets, make rooms, guess codes."""

import hmac
from collections import Counter
from hashlib import sha256
from ipaddress import IPv6Address, ip_address

from quart_chat.domain.limits import Bucket, GrowingWait, Ledger, Limit
from quart_chat.domain.ports import Clock
from quart_chat.settings import Settings


class AddressLimits:
    """Counts per address, which is kept only as a keyed hash; a network of IPv6 counts as one address."""

    def __init__(self, settings: Settings, secret_key: bytes, clock: Clock) -> None:
        self._settings = settings
        self._secret_key = secret_key
        self._clock = clock
        self._sockets: Counter[str] = Counter()
        self._handshakes = Ledger(lambda now: Bucket(Limit(settings.handshakes_per_minute, 60.0), now))
        self._rooms = Ledger(lambda now: Bucket(Limit(settings.rooms_per_minute, 60.0), now))
        self._guesses = Ledger(lambda now: GrowingWait(Limit(settings.wrong_codes_per_minute, 60.0), now))

    @property
    def sockets(self) -> int:
        """How many sockets are open in this process."""
        return self._sockets.total()

    def is_full(self) -> bool:
        """Say whether this process has taken all the sockets it may."""
        return self.sockets >= self._settings.sockets_per_process

    def name(self, address: str | None) -> str:
        """What an address is called here and in the log."""
        return hmac.digest(self._secret_key, _network(address or "").encode(), sha256).hex()[:16]

    def admit(self, who: str) -> bool:
        """Let one more socket of somebody in, unless it has too many or comes too often."""
        now = self._clock.monotonic()
        if self._sockets[who] >= self._settings.sockets_per_address or not self._handshakes.of(who, now).take(now):
            return False
        self._sockets[who] += 1
        return True

    def release(self, who: str) -> None:
        """Note that a socket of somebody is gone."""
        self._sockets[who] -= 1
        if self._sockets[who] <= 0:
            del self._sockets[who]

    def may_make_room(self, who: str) -> bool:
        """Take one of the rooms somebody may make."""
        now = self._clock.monotonic()
        return self._rooms.of(who, now).take(now)

    def may_guess(self, who: str) -> bool:
        """Say whether somebody may try another code."""
        now = self._clock.monotonic()
        return self._guesses.of(who, now).may_try(now)

    def note_wrong_guess(self, who: str) -> None:
        """Make the next try of somebody who guesses codes wait longer."""
        now = self._clock.monotonic()
        self._guesses.of(who, now).fail(now)


def _network(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    # Whoever has one IPv6 address has a whole /64 of them.
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else str(parsed)
