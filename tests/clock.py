"""A clock that goes when a test says so."""


class FakeClock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.seconds
