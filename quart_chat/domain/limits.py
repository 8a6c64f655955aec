"""How much of something one visitor or address may do."""

from dataclasses import dataclass


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
