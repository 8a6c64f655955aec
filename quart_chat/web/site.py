"""What is true of this site by its settings and its rules, for the sentences of templates/partials/promises.html."""

from dataclasses import dataclass

from quart_chat.domain.reports import REPORTED_LINES
from quart_chat.domain.rooms import LOG_LENGTH
from quart_chat.domain.timing import (
    BANS_REMEMBERED_FOR,
    BLOCKED_FOR,
    CHANGEABLE_FOR,
    DAY,
    LONGEST_BAN,
    REPORTABLE_FOR,
)
from quart_chat.settings import Settings

MINUTE = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Site:
    """The facts that templates put into words.

    `contact` is an address of electronic mail or empty. `outlives_restarts` says that anything is kept beside memory,
    `has_store` that all is, in a store. `report_days` is 0 where no rows outlive the process. `reporters` is how many
    different people have to report somebody within an hour to make a ban.
    """

    source_url: str = ""
    contact: str = ""
    has_report_file: bool = False
    reporters: int = 3
    outlives_restarts: bool = False
    has_store: bool = False
    report_days: int = 0

    room_messages: int = LOG_LENGTH
    talk_lines: int = REPORTED_LINES
    reportable_minutes: int = int(REPORTABLE_FOR / MINUTE)
    changeable_minutes: int = int(CHANGEABLE_FOR / MINUTE)
    block_days: int = int(BLOCKED_FOR / DAY)
    ban_days: int = int(LONGEST_BAN / DAY)
    past_ban_days: int = int(BANS_REMEMBERED_FOR / DAY)

    @property
    def reports_are_kept(self) -> bool:
        """Whether somebody can read a report."""
        return self.has_report_file or self.outlives_restarts

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """Read the facts that an operator decides."""
        return cls(
            source_url=settings.source_url,
            contact=settings.contact_email,
            has_report_file=bool(settings.reports_file),
            reporters=settings.reporters_for_a_ban,
            outlives_restarts=settings.outlives_restarts,
            has_store=bool(settings.redis_url),
            report_days=settings.report_days if settings.outlives_restarts else 0,
        )
