"""Issue 14, line 2: whatever is killed at whatever moment, the database is in order and holds what was acknowledged."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 200
MOST_TAKEN = 100  # seconds

pytestmark = [pytest.mark.faults, pytest.mark.slow]


def test_after_two_hundred_kills_the_database_is_in_order_and_nothing_acknowledged_is_missing(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_writers.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "rows.sqlite3"), str(KILLS)],
        env={"PYTHONPATH": str(program.parents[2])},
        capture_output=True,
        timeout=MOST_TAKEN,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["wrong"] == []
    assert result["acknowledged"] > KILLS  # they did write
