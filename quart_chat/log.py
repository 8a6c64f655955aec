"""One line of JSON per event: no message text, no codes, no cookies, no addresses in clear."""

import json
import logging
import sys
import time
from collections import Counter
from datetime import UTC, datetime

from quart_chat.domain.limits import Bucket, Limit

log = logging.getLogger("quart_chat")

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLines(logging.Formatter):
    """A record as one JSON object: time, level, event, and what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in STANDARD)
        if record.exc_info and record.exc_info[1]:
            line["error"] = _where(record.exc_info[1])
        return json.dumps(line, ensure_ascii=True, default=str)


class SampledLog:
    """Lines on what strangers can cause as often as they like: of each event so many in a minute, the rest counted.

    The next line of that event that is written says how many were not, as `unlogged`.
    """

    def __init__(self, lines_per_minute: int) -> None:
        self._limit = Limit(lines_per_minute, 60.0)
        self._buckets: dict[str, Bucket] = {}
        self._unlogged: Counter[str] = Counter()

    def info(self, event: str, **extra: object) -> None:
        """Write a line on what was to be expected, or count it."""
        self._write(logging.INFO, event, extra)

    def warning(self, event: str, **extra: object) -> None:
        """Write a line on what an operator should see, or count it."""
        self._write(logging.WARNING, event, extra)

    def error(self, event: str, **extra: object) -> None:
        """Write a line on what an operator must mend, or count it."""
        self._write(logging.ERROR, event, extra)

    def _write(self, level: int, event: str, extra: dict[str, object]) -> None:
        now = time.monotonic()
        if not self._buckets.setdefault(event, Bucket(self._limit, now)).take(now):
            self._unlogged[event] += 1
            return
        if unlogged := self._unlogged.pop(event, 0):
            extra["unlogged"] = unlogged
        log.log(level, event, extra=extra)


def configure(level: str) -> None:
    """Send everything to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _where(error: BaseException) -> str:
    """The error's type and the places it passed; its text may hold what a visitor wrote."""
    places = []
    frame = error.__traceback__
    while frame:
        places.append(f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}")
        frame = frame.tb_next
    return f"{type(error).__name__} at {' > '.join(places)}"
