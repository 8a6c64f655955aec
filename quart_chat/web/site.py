"""What is true of this site by its settings and its rules, for the sentences of templates/partials/promises.html."""

from dataclasses import dataclass

from quart_chat.domain.reports import REPORTED_LINES
from quart_chat.domain.rooms import LOG_LENGTH
from quart_chat.domain.timing import BLOCKED_FOR, REPORTABLE_FOR
from quart_chat.settings import Settings

MINUTE = 60.0  # seconds
DAY = 86_400.0  # seconds


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
    talk_lines: int = REPORTED_LINES
    reportable_minutes: int = int(REPORTABLE_FOR / MINUTE)
    block_days: int = int(BLOCKED_FOR / DAY)

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
