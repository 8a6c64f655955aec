"""What is true of this site by its settings and its rules, for the sentences of templates/partials/promises.html."""

from dataclasses import dataclass

from quart_chat.domain.rooms import LOG_LENGTH
from quart_chat.domain.safety import REPORTABLE_FOR, SEALED_LINES
from quart_chat.settings import Settings

MINUTE = 60.0  # seconds
TALK_KEPT_IN_STORE = 60  # minutes; backends/redis.lua lets the last lines of a pair expire after an hour
BLOCK_KEPT_IN_STORE = 30  # days; backends/redis.lua


@dataclass(frozen=True, slots=True)
class Site:
    """The facts that templates put into words.

    `contact` is an address of electronic mail or empty. `has_store` says that a store outlives the processes.
    `reporters` is how many different people have to report somebody within an hour to make a ban.
    """

    source_url: str = ""
    contact: str = ""
    reports_are_kept: bool = False
    reporters: int = 3
    has_store: bool = False

    room_messages: int = LOG_LENGTH
    talk_lines: int = SEALED_LINES
    reportable_minutes: int = int(REPORTABLE_FOR / MINUTE)
    block_days: int = BLOCK_KEPT_IN_STORE

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Read the facts that an operator decides."""
        return cls(
            source_url=settings.source_url,
            contact=settings.contact_email,
            reports_are_kept=bool(settings.reports_file),
            reporters=settings.reporters_for_a_ban,
            has_store=bool(settings.redis_url),
        )

    @property
    def talk_minutes(self) -> int:
        """How long the last lines of a pair are kept after their talk."""
        return TALK_KEPT_IN_STORE if self.has_store else self.reportable_minutes
