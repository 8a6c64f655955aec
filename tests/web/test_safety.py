import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from tests.web.guest import GENEROUS, Company, Guest, serving


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """A server behind one proxy, so that guests may come from different addresses, which keeps reports."""
    settings = replace(
        GENEROUS, trusted_hops=1, reports_file=str(tmp_path / "reports.jsonl"), contact_email="help@chat.example"
    )
    async with serving(settings) as address:
        company = Company(address)
        yield company
        await company.hang_up()


def reports(tmp_path: Path) -> list[dict[str, object]]:
    file = tmp_path / "reports.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


async def meet(company: Company, number: int, eve: Guest) -> Guest:
    """Somebody new from an address of its own meets Eve, who looks for a stranger."""
    ann = await company.guest("/text", address=f"198.51.100.{number}")
    await eve.seek("Eve")
    eve.forgets()
    await ann.seek(f"Ann {number}")
    await ann.sees("You are talking with")
    await eve.sees("You are talking with")
    return ann


async def test_a_report_ends_the_talk_and_is_kept_with_its_last_lines(company: Company, tmp_path: Path) -> None:
    eve = await company.guest("/text", address="203.0.113.9")
    ann = await meet(company, 1, eve)
    await eve.say("something bad")
    await ann.sees("something bad")
    await ann.send(do="report", room=ann.room, reason="hate", words="please look")
    await ann.sees("The report is filed")
    await eve.sees("has left")
    (report,) = reports(tmp_path)
    assert report["reason"] == "hate"
    assert report["words"] == "please look"
    (line,) = cast("list[dict[str, object]]", report["lines"])
    assert line["text"] == "something bad" and line["by_accused"]
    assert "203.0.113" not in json.dumps(report)


async def test_a_talk_can_be_reported_after_it_ended_but_only_once_and_by_who_was_there(
    company: Company, tmp_path: Path
) -> None:
    eve = await company.guest("/text", address="203.0.113.9")
    ann = await meet(company, 1, eve)
    room = ann.room
    await eve.send(do="stop", room=room)
    await ann.sees("has left")
    await ann.send(do="report", room=room, reason="spam")
    await ann.sees("The report is filed")
    await ann.send(do="report", room=room, reason="spam")
    await ann.sees("too long ago")
    other = await company.guest("/text", address="198.51.100.77")
    await other.send(do="report", room=room, reason="spam")
    await other.sees("too long ago")
    assert len(reports(tmp_path)) == 1


async def test_three_reports_ban_and_say_until_when_and_whom_to_write_to(company: Company) -> None:
    eve = await company.guest("/text", address="203.0.113.9")
    for number in (1, 2, 3):
        ann = await meet(company, number, eve)
        await ann.send(do="report", room=ann.room, reason="threat")
        await ann.sees("The report is filed")
    await eve.sees("you cannot come in until")
    await eve.sees("help@chat.example")
    elsewhere = await company.guest("/lobby", eve.cookies, address="203.0.113.10")
    await elsewhere.send(do="enter", name="Eve")
    await elsewhere.sees("you cannot come in until")
    await (await company.guest("/lobby", address="203.0.113.9")).enter("A neighbour")


async def test_who_has_blocked_somebody_never_meets_that_browser_again(company: Company) -> None:
    eve = await company.guest("/text", address="203.0.113.9")
    ann = await meet(company, 1, eve)
    await ann.send(do="block", room=ann.room)
    await ann.sees("will not meet again")
    await eve.sees('data-at="waiting"')
    ann.forgets()
    await ann.seek("Ann")
    bob = await company.guest("/text", address="198.51.100.50")
    await bob.seek("Bob")
    await bob.sees("You are talking with")
    assert "Eve" not in ann.shown


async def test_a_report_that_cannot_be_kept_ends_the_talk_all_the_same() -> None:
    """Issue 11, line 15. The disk is full."""
    async with serving(replace(GENEROUS, trusted_hops=1, reports_file="/dev/full")) as url:
        company = Company(url)
        eve = await company.guest("/text", address="203.0.113.9")
        ann = await meet(company, 1, eve)
        await ann.send(do="report", room=ann.room, reason="threat")
        await ann.sees('data-at="door"')
        await eve.sees("has left")
        await company.hang_up()


async def test_the_words_of_a_report_cannot_act_on_the_operator_s_terminal(company: Company, tmp_path: Path) -> None:
    """Issue 11, line 15."""
    eve = await company.guest("/text", address="203.0.113.9")
    ann = await meet(company, 1, eve)
    await ann.send(do="report", room=ann.room, reason="hate", words="look\x1b]0;owned\x07 \x9b2J\u202ehere")
    await ann.sees("The report is filed")
    (report,) = reports(tmp_path)
    assert report["words"] == "look]0;owned 2Jhere"


async def test_nobody_but_the_operator_may_read_the_reports(company: Company, tmp_path: Path) -> None:
    """Issue 11, line 15."""
    eve = await company.guest("/text", address="203.0.113.9")
    ann = await meet(company, 1, eve)
    await ann.send(do="report", room=ann.room, reason="hate")
    await ann.sees("The report is filed")
    assert (tmp_path / "reports.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("fields", [{"reason": "dislike"}, {"reason": "hate", "words": "x" * 5_000}, {}])
async def test_a_report_that_cannot_be_read_is_refused(company: Company, fields: dict[str, str]) -> None:
    eve = await company.guest("/text", address="203.0.113.9")
    ann = await meet(company, 1, eve)
    await ann.send(do="report", room=ann.room, **fields)
    await ann.sees("could not be read")
