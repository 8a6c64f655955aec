"""Reports as lines of a file that the operator reads."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from quart_chat.domain.reports import Report

LARGEST_FILE = 100_000_000  # bytes; some 200 of the longest reports, many thousands of ordinary ones, and no full disk


class ReportFile:
    """Appends each report to a file as one line; without a file nothing is kept.

    Reports are rare and small, so that the write is done at once. Only the owner of the file may read it.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def add(self, report: Report) -> bool:
        """Append a report; False if there is no file. Raises OSError when that cannot be written, or is full."""
        if self._path is None:
            return False
        with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            if file.tell() > LARGEST_FILE:
                raise OSError("the file of reports is full")
            file.write(json.dumps(asdict(report), ensure_ascii=True).encode() + b"\n")
            return True
