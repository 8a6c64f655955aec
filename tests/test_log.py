import logging
from time import monotonic as time_monotonic

import pytest

from quart_chat.log import SampledLog


@pytest.fixture
def sampled() -> SampledLog:
    return SampledLog(2)


def test_of_each_event_so_many_lines_are_written_in_a_minute(
    sampled: SampledLog, caplog: pytest.LogCaptureFixture
) -> None:
    """Issue 11, line 21. A flood of refusals must not become a flood of lines."""
    with caplog.at_level(logging.INFO, "quart_chat"):
        for _ in range(1_000):
            sampled.info("refused", address="x")
            sampled.warning("turned away")
    assert sorted(caplog.messages) == ["refused"] * 2 + ["turned away"] * 2


def test_the_next_line_says_how_many_were_left_out(
    sampled: SampledLog, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Issue 11, line 21."""
    with caplog.at_level(logging.INFO, "quart_chat"):
        for _ in range(12):
            sampled.info("refused", address="x")
        later = time_monotonic() + 60
        monkeypatch.setattr("quart_chat.log.time.monotonic", lambda: later)
        sampled.info("refused", address="y")
        sampled.info("refused", address="z")
    assert [(vars(record)["address"], vars(record).get("unlogged")) for record in caplog.records] == [
        ("x", None),
        ("x", None),
        ("y", 10),
        ("z", None),
    ]
