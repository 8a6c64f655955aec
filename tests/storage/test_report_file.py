"""The file that reports are appended to."""

import os
from pathlib import Path

import pytest

from quart_chat.domain.reports import Report, ReportReason
from quart_chat.domain.spaces import Kind
from quart_chat.storage.report_file import LARGEST_FILE, ReportFile
from tests.domain.journals import visitor

REPORT = Report(0.0, Kind.TEXT, ReportReason.SPAM, "", visitor("Eve"), visitor("Ann"), ())


def test_a_file_of_reports_that_is_full_takes_no_more(tmp_path: Path) -> None:
    """Issue 11, line 15."""
    path = tmp_path / "reports.jsonl"
    assert ReportFile(str(path)).add(REPORT)
    os.truncate(path, LARGEST_FILE + 1)
    with pytest.raises(OSError, match="full"):
        ReportFile(str(path)).add(REPORT)
    assert path.stat().st_size == LARGEST_FILE + 1
