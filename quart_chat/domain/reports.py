"""What somebody tells the operator about somebody else."""

from dataclasses import dataclass
from enum import StrEnum

from quart_chat.domain.limits import Limit
from quart_chat.domain.visitors import Visitor

MAX_WORDS = 500  # characters a reporter may add; cleaned
REPORTED_LINES = 20  # the last ones of the talk, which go with a report
KEPT_OF_AN_ADDRESS = Limit(20, 3_600.0)  # reports; one takes up to 500 KB, and people report a stranger now and then


class ReportReason(StrEnum):
    """What somebody may be reported for."""

    MINOR = "minor"
    SEXUAL = "sexual"
    HATE = "hate"
    THREAT = "threat"
    SPAM = "spam"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the reported talk."""

    by_accused: bool
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the operator gets to read: who is accused by whom of what, and the talk's last lines."""

    at: float
    kind: str
    reason: ReportReason
    words: str
    accused: Visitor
    reporter: Visitor
    lines: tuple[Line, ...]
