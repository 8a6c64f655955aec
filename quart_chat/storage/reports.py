"""Reports, for the operator to read: as rows where anything outlives a restart, as lines of a file where one is set."""

import secrets

import msgspec

from quart_chat.domain.ports import Kept
from quart_chat.domain.reports import Report
from quart_chat.log import SampledLog
from quart_chat.storage.report_file import ReportFile
from quart_chat.storage.rows import Row, RowKind, Rows

ERRORS_LOGGED = 10  # lines in a minute, of a file that takes nothing


class KeptReports:
    """The `ReportStore` of a process. `keeps_rows` says whether rows outlive it; each is kept for so many seconds."""

    def __init__(self, rows: Rows, keeps_rows: bool, seconds: float, file: ReportFile) -> None:
        self._rows = rows
        self._keeps_rows = keeps_rows
        self._seconds = seconds
        self._file = file
        self._errors = SampledLog(ERRORS_LOGGED)

    def add(self, report: Report, done: Kept) -> None:
        """Keep a report wherever that can be done; `done` is told whether somebody will be able to read it."""
        in_file = self._write_line(report)
        if self._keeps_rows:
            self._rows.put(_row(report, self._seconds), lambda kept: done(kept or in_file))
        else:
            done(in_file)

    def _write_line(self, report: Report) -> bool:
        try:
            return self._file.add(report)
        except OSError as error:
            self._errors.error("report not kept", error=type(error).__name__)
            return False


def _row(report: Report, seconds: float) -> Row:
    body = msgspec.json.encode(report).decode()
    key = f"{int(report.at * 1000):x}-{secrets.token_hex(8)}"
    return Row(RowKind.REPORT, key, report.accused.browser, report.at, report.at + seconds, body)
