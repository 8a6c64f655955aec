"""How much of something one visitor, one address or everybody together may do."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from quart_chat.domain.addresses import IPV6_SHARES, Network
from quart_chat.domain.timing import LONGEST_WAIT

KEYS_KEPT = 50_000  # addresses remembered at once; some 10 MB


@dataclass(frozen=True, slots=True)
class Limit:
    """`burst` at once, refilled by `burst` every `per` seconds."""

    burst: int
    per: float

    @property
    def rate(self) -> float:
        """Tokens a second."""
        return self.burst / self.per


class Bucket:
    """A token bucket: never more than burst + rate * t in any time t.

    The time is handed in, in seconds of a clock that never goes back.
    """

    __slots__ = ("_limit", "_tokens", "_updated")

    def __init__(self, limit: Limit, now: float) -> None:
        self._limit = limit
        self._tokens = float(limit.burst)
        self._updated = now

    def take(self, now: float) -> bool:
        """Take one token if there is one."""
        self._refill(now)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def is_full(self, now: float) -> bool:
        """Say whether nothing has been taken lately, so that this bucket may be forgotten."""
        self._refill(now)
        return self._tokens >= self._limit.burst

    def wait(self, now: float) -> float:
        """Seconds until the next token."""
        self._refill(now)
        return max(0.0, (1 - self._tokens) / self._limit.rate)

    def _refill(self, now: float) -> None:
        gained = max(0.0, now - self._updated) * self._limit.rate
        self._tokens = min(self._limit.burst, self._tokens + gained)
        self._updated = max(self._updated, now)


def take_from_each(buckets: list[Bucket], now: float) -> bool:
    """Take a token of each bucket, or none of any."""
    return all(bucket.wait(now) == 0 for bucket in buckets) and all(bucket.take(now) for bucket in buckets)


class GrowingWait:
    """Lets so many failures pass, then makes each further one cost twice the wait of the one before."""

    __slots__ = ("_allowed", "_beyond", "_until")

    def __init__(self, limit: Limit, now: float) -> None:
        self._allowed = Bucket(limit, now)
        self._beyond = 0
        self._until = now

    def may_try(self, now: float) -> bool:
        """Say whether the last wait is over."""
        return now >= self._until

    @property
    def until(self) -> float:
        """When the last wait is over."""
        return self._until

    def fail(self, now: float) -> None:
        """Note one more failure."""
        if self._allowed.take(now):
            return
        self._beyond += 1
        self._until = now + min(2.0**self._beyond, LONGEST_WAIT)

    def is_full(self, now: float) -> bool:
        """Say whether nothing has failed lately, so that this may be forgotten."""
        return self.may_try(now) and self._allowed.is_full(now)


class Forgettable(Protocol):
    """Something kept per address for as long as it matters."""

    def is_full(self, now: float) -> bool:
        """Say whether a new one would be no different."""


T = TypeVar("T", bound=Forgettable)


class Ledger(Generic[T]):
    """One bucket (or wait) a key, made when first asked for; no more than `most`, the longest unused go first."""

    def __init__(self, make: Callable[[float], T], most: int = KEYS_KEPT) -> None:
        self._make = make
        self._most = most
        self._entries: OrderedDict[str, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def of(self, key: str, now: float) -> T:
        """The entry of a key."""
        if key not in self._entries:
            self._forget(now)
            self._entries[key] = self._make(now)
        self._entries.move_to_end(key)
        return self._entries[key]

    def _forget(self, now: float) -> None:
        while self._entries:
            oldest = next(iter(self._entries))
            if len(self._entries) < self._most and not self._entries[oldest].is_full(now):
                return
            del self._entries[oldest]


class Ledgers(Generic[T]):
    """A ledger for each size of network; `make` is told how many times the allowance of one address it has."""

    def __init__(self, make: Callable[[int, float], T]) -> None:
        self._by_share = {share: Ledger(partial(make, share)) for share in IPV6_SHARES.values()}

    def of(self, networks: Iterable[Network], now: float) -> list[T]:
        """The entries of all networks that an address counts for."""
        return [self._by_share[network.share].of(network.name, now) for network in networks]


class OpenCounts:
    """How much of something each network has open, and no more than its share of `most`; 0 is without a limit."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.total = 0
        self._open: Counter[Network] = Counter()

    def add(self, networks: Sequence[Network]) -> bool:
        """Count one more for all of these networks, unless one of them has too many."""
        if self.most and any(self._open[network] >= network.share * self.most for network in networks):
            return False
        self._open.update(networks)
        self.total += 1
        return True

    def remove(self, networks: Sequence[Network]) -> None:
        """Count one less."""
        self.total -= 1
        self._open.subtract(networks)
        for network in networks:
            if not self._open[network]:
                del self._open[network]
