"""Where reports are kept: a file of JSON lines that only the operator reads."""

import json
from dataclasses import asdict
from pathlib import Path

from quart_chat.domain.safety import Report


class FileCabinet:
    """Appends each report to a file as one line; without a file nothing is kept.

    Reports are rare and small, so that the write is done at once.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None

    def file(self, report: Report) -> None:
        """Append a report; raises OSError when the file cannot be written."""
        if self._path:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(report), ensure_ascii=False) + "\n")
