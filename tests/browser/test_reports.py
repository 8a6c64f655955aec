"""Reports and blocks: of whom, how long after a talk, and what is said of them."""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.stories import LISTEN_TO_STATUSES, LOST_CONNECTION, MovableClock, Visitor, Visitors
from tests.web.guest import GENEROUS, serving

pytestmark = pytest.mark.browser

Reports = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    """Reads what the operator reads."""
    file = tmp_path / "reports.jsonl"
    return lambda: [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
async def keepers(browser: Browser, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Visitors]:
    """Visitors of a site that keeps reports."""
    async with serving(replace(GENEROUS, reports_file=str(tmp_path / "reports.jsonl"))) as address:
        visitors = Visitors(browser, address)
        yield visitors
        await visitors.go()


async def ann_and_bea(visitors: Visitors) -> tuple[Visitor, Visitor]:
    """Ann, to whom Bea has said something bad."""
    ann = await (await visitors.come()).finds_a_stranger("Ann")
    bea = await (await visitors.come()).finds_a_stranger("Bea")
    await ann.talks_with("Bea")
    await bea.says("something bad")
    await ann.reads("something bad")
    return ann, bea


def card(visitor: Visitor, name: str) -> Locator:
    return visitor.page.get_by_role("dialog", name=f"Report or block {name}", exact=True)


async def lines_of_the_only(reports: Reports) -> list[str]:
    (report,) = reports()
    return [line["text"] for line in report["lines"] if line["by_accused"]]


async def test_who_has_stopped_can_still_report_at_the_door(keepers: Visitors, reports: Reports) -> None:
    """Issue 11, line 4."""
    ann, _ = await ann_and_bea(keepers)
    await ann.leaves_by("Stop")
    await ann.is_at_the_door()
    await ann.presses("Report or block Bea")
    await expect(card(ann, "Bea")).to_be_visible()
    await ann.presses("Send report")
    await ann.sees("The report is filed")
    assert await lines_of_the_only(reports) == ["something bad"]
    await expect(ann.page.get_by_role("button", name="Report or block Bea")).to_have_count(0, timeout=1_000)


async def test_who_has_gone_on_can_report_while_searching(keepers: Visitors, reports: Reports) -> None:
    """Issue 11, line 4."""
    ann = await (await keepers.come()).finds_a_stranger("Ann")
    await (await keepers.come()).finds_a_stranger("Bea")
    await ann.talks_with("Bea")
    await ann.presses("Next")
    await ann.looks_for_a_stranger()
    await ann.presses("Report or block Bea")
    await expect(card(ann, "Bea")).to_be_visible()
    await ann.presses("Send report")
    await ann.sees("The report is filed")
    assert len(reports()) == 1


async def test_in_the_next_talk_the_one_of_before_can_be_reported_too(keepers: Visitors, reports: Reports) -> None:
    """Issue 11, line 4: Report means the present stranger, whom the card names; the other one has a button as well."""
    ann, _ = await ann_and_bea(keepers)
    cy = await (await keepers.come()).finds_a_stranger("Cy")
    await cy.looks_for_a_stranger()
    await ann.leaves_by("Next")
    await ann.talks_with("Cy")
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await expect(card(ann, "Cy")).to_be_visible()
    await card(ann, "Cy").get_by_role("button", name="Report or block Bea").click()
    await expect(card(ann, "Bea")).to_be_visible()
    await ann.presses("Cancel")
    await ann.presses("Report or block Bea")
    await card(ann, "Bea").get_by_role("combobox", name="Reason").select_option("Hate or insult")
    await ann.presses("Send report")
    await ann.sees("The report is filed")
    assert await lines_of_the_only(reports) == ["something bad"]
    await ann.talks_with("Cy")


async def test_report_means_the_present_stranger(keepers: Visitors, reports: Reports) -> None:
    """Issue 11, line 4."""
    ann, _ = await ann_and_bea(keepers)
    cy = await (await keepers.come()).finds_a_stranger("Cy")
    await cy.looks_for_a_stranger()
    await ann.leaves_by("Next")
    await cy.says("worse")
    await ann.reads("worse")
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await expect(card(ann, "Cy")).to_be_visible()
    await ann.presses("Send report")
    await ann.is_at_the_door()
    assert await lines_of_the_only(reports) == ["worse"]


async def test_an_open_card_goes_on_meaning_the_same_one_when_the_stranger_changes(
    keepers: Visitors, reports: Reports
) -> None:
    """Issue 11, line 4."""
    ann, bea = await ann_and_bea(keepers)
    cy = await (await keepers.come()).finds_a_stranger("Cy")
    await cy.looks_for_a_stranger()
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await bea.leaves_by("Stop")
    await ann.talks_with("Cy")
    await expect(card(ann, "Bea")).to_be_visible()
    await ann.presses("Send report")
    await ann.sees("The report is filed")
    assert await lines_of_the_only(reports) == ["something bad"]
    await ann.talks_with("Cy")


async def test_a_block_after_the_talk_is_confirmed(visitors: Visitors) -> None:
    """Issue 11, line 4."""
    ann, _ = await ann_and_bea(visitors)
    await ann.leaves_by("Stop")
    await ann.presses("Report or block Bea")
    await ann.presses("Only block")
    await ann.sees("You two will not meet again")
    await expect(ann.page.locator("#told")).to_have_attribute("role", "status")


async def test_a_block_that_comes_too_late_is_not_confirmed(visitors: Visitors, clock: MovableClock) -> None:
    """Issue 11, line 4: the server says what has become of it."""
    ann, _ = await ann_and_bea(visitors)
    await ann.leaves_by("Stop")
    clock.advance(601)
    await ann.presses("Report or block Bea")
    await ann.page.evaluate(LISTEN_TO_STATUSES)
    await ann.presses("Only block")
    await ann.sees("That talk is too long ago.")
    assert await ann.page.evaluate("heard") == ["That talk is too long ago."]


async def test_ten_minutes_after_a_talk_nobody_can_be_reported_any_more(visitors: Visitors) -> None:
    """Issue 11, line 4."""
    visitors.may_hear(LOST_CONNECTION)
    ann = await visitors.come()
    await ann.page.clock.install()
    await ann.finds_a_stranger("Ann")
    await (await visitors.come()).finds_a_stranger("Bea")
    await ann.talks_with("Bea")
    await ann.presses("Stop")
    await ann.is_at_the_door()
    late = ann.page.get_by_role("button", name="Report or block Bea")
    await expect(late).to_be_visible()
    await ann.page.clock.fast_forward(9 * 60_000)
    await expect(late).to_be_visible()
    await ann.page.clock.fast_forward(61_000)
    await expect(late).to_be_hidden()


async def test_what_becomes_of_a_report_is_said_as_it_is(visitors: Visitors, keepers: Visitors) -> None:
    """Issue 11, line 5."""
    for guests, before, after in (
        (visitors, "This site keeps no reports", "It is not kept, so nobody reads the words."),
        (keepers, "The people who run this site can read your report", "the people who run this site can read it."),
    ):
        ann, _ = await ann_and_bea(guests)
        await ann.page.get_by_role("button", name="Report", exact=True).click()
        await expect(card(ann, "Bea")).to_contain_text(before)
        await expect(ann.page.get_by_label("In your own words")).to_have_count(int(guests is keepers))
        await ann.presses("Send report")
        await ann.is_at_the_door()
        await ann.sees(after)


async def test_a_report_that_is_not_kept_blocks_and_counts(visitors: Visitors) -> None:
    """Issue 11, line 5."""
    ann, _ = await ann_and_bea(visitors)
    await ann.page.get_by_role("button", name="Report", exact=True).click()
    await ann.presses("Send report")
    await ann.sees("The stranger is blocked, and your report counts toward a ban.")
    await ann.sees_no("filed")


async def test_the_safety_page_tells_of_report_block_and_whom_to_write_to(browser: Browser) -> None:
    """Issue 11, line 7."""
    async with serving(replace(GENEROUS, contact_email="help@chat.example")) as address:
        visitors = Visitors(browser, address)
        ann = await (await visitors.come()).opens("/safety")
        for told in ("Press Report", "Only block", "write to help@chat.example"):
            await ann.sees(told)
        await ann.sees_no("Nothing but the talk")
        await ann.opens("/")
        await ann.sees_no("nothing kept")
        await visitors.go()
