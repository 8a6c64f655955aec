"""The scripts of the store know numbers, time, keeping and publishing; every rule is Python."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from quart_chat.domain.rooms import Room
from quart_chat.domain.spaces import Kind
from quart_chat.journal.codec import COMMANDS

JOURNAL = Path(__file__).parents[2] / "quart_chat" / "journal"
SCRIPTS = sorted(JOURNAL.glob("*.lua"))
UNITS = {"1000"}  # milliseconds in a second, and microseconds in a millisecond

RULES = {
    *(name.lower() for name in COMMANDS),
    *(kind.value for kind in Kind),
    *({field.name for field in fields(Room)} - {"id", "log"}),
    *(
        "seat",
        "room",
        "queue",
        "pair",
        "visitor",
        "browser",
        "ban",
        "ticket",
        "home",
        "lease",
        "name",
        "match",
        "limit",
    ),
}


def code_of(script: Path) -> str:
    """Without comments, and the functions of Lua that go through a table."""
    return re.sub(r"--.*|\bi?pairs\(", "", script.read_text("utf-8"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_knows_no_rule(script: Path) -> None:
    """Issue 12, line 1."""
    words = {word.lower().removesuffix("s") for word in re.findall(r"[A-Za-z]+", code_of(script))}
    assert not words & RULES


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_holds_no_number_of_a_rule(script: Path) -> None:
    """Issue 12, line 1. Numbers of one digit count arguments and positions."""
    without_formats = re.sub(r"'[^']*'|%\.\d+f", "", code_of(script))
    assert set(re.findall(r"\d{2,}", without_formats)) <= UNITS


def test_what_is_made_for_redis_alone_stays_small() -> None:
    """Issue 12, line 4."""
    python = [JOURNAL / "redis.py", JOURNAL / "nodes.py", JOURNAL / "resp.py", JOURNAL.parent / "storage" / "redis.py"]
    assert sum(len(path.read_text("utf-8").splitlines()) for path in python) <= 900
    assert sum(len(path.read_text("utf-8").splitlines()) for path in SCRIPTS) <= 80
