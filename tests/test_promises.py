"""What the site says of what it keeps: in one place, true under each configuration, and the same as in the README."""

import itertools
import re

import pytest

from quart_chat.domain.answers import Blocked, Reported
from quart_chat.settings import Settings
from quart_chat.web.security import Cookies
from quart_chat.web.site import Site
from quart_chat.web.templating import ROOT, Templates
from tools.document_promises import promises

PROMISES = ROOT / "templates" / "partials" / "promises.html"
README = (ROOT / "README.md").read_text("utf-8")
# What other templates may not say; headings and habits of the reader's own are no promises.
PROMISED = re.compile(r"\b(kept|stored?|archived?|filed|forgotten|deleted|logs?|not meet)\b", re.IGNORECASE)
NO_PROMISE = {"What is kept"}

KEPT_IN = (("", ""), ("data", ""), ("", "redis://h"))  # memory alone, a folder, a store
CONFIGURATIONS = [
    Settings(reports_file=reports, data_dir=folder, redis_url=store, contact_email=contact)
    for reports, (folder, store), contact in itertools.product(("", "r.jsonl"), KEPT_IN, ("", "help@chat.example"))
]
every_configuration = pytest.mark.parametrize(
    "settings", CONFIGURATIONS, ids=lambda s: f"{s.reports_file}-{s.data_dir}{s.redis_url}"
)


def told(template: str, settings: Settings, **values: object) -> str:
    """What a page says under these settings, without its markup."""
    page = dict.fromkeys(("page", "boot", "nonce", "me", "name", "emoji", "origin"), "")
    counts = dict.fromkeys(("text", "video", "lobby", "rooms"), 0)
    html = Templates(lambda path: path, Site.of(settings)).render(
        template, "en", **page, hue=0, phone=False, counts=counts, event=None, cookies=Cookies("https"), **values
    )
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html.unescape()))


def what_the_readme_keeps() -> str:
    found = re.search(r"^## What is kept\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_no_other_template_promises_anything() -> None:
    """Issue 11, line 7."""
    for path in (ROOT / "templates").rglob("*.html"):
        words = set(re.findall(r'_\("([^"]*)"', path.read_text("utf-8"))) - NO_PROMISE
        assert path == PROMISES or [line for line in words if PROMISED.search(line)] == [], path


@every_configuration
def test_the_safety_page_keeps_what_the_readme_keeps(settings: Settings) -> None:
    """Issue 11, line 7."""
    page, readme, site = told("pages/safety.html", settings), what_the_readme_keeps(), Site.of(settings)
    for fact in (f"last {site.room_messages} messages", f"last {site.talk_lines} lines"):
        assert fact in page
        assert fact in readme
    assert "until 10 minutes after it" in page
    for cookie in ("a secret", "your name", "agreed"):
        assert cookie in page
    assert ("gone when the server restarts" in page) == (not settings.outlives_restarts)
    assert ("is deleted as soon as the server is back" in page) == bool(settings.data_dir)
    assert ("If the server is killed, it is gone; blocks, bans and reports are not." in page) == bool(settings.data_dir)


def test_the_readme_says_what_the_safety_page_says() -> None:
    """Issue 14: under each of the three ways to keep things."""
    for sentences in promises().values():
        for sentence in sentences:
            assert sentence in what_the_readme_keeps(), "python -m tools.document_promises writes it anew"


@every_configuration
def test_reports_are_said_to_be_read_only_where_they_are_kept(settings: Settings) -> None:
    """Issue 11, line 5."""
    home, safety = told("pages/home.html", settings), told("pages/safety.html", settings)
    is_kept = bool(settings.reports_file) or settings.outlives_restarts
    assert ("unless they are reported" in home) == is_kept
    assert ("Reports are written to a file" in safety) == bool(settings.reports_file)
    assert ("Reports are kept for 180 days" in safety) == settings.outlives_restarts
    assert ("Reports are counted, and not kept." in safety) == (not is_kept)


@every_configuration
@pytest.mark.parametrize("kept", [True, False])
def test_thanks_for_a_report_say_what_has_become_of_it(settings: Settings, kept: bool) -> None:
    """Issue 14: a disk that takes nothing is not said to have taken it."""
    thanks = told("fragments/reported.html", settings, answer=Reported(ended_talk=True, kept=kept))
    assert ("The report is filed" in thanks) == kept
    assert ("nobody reads the words" in thanks) == (not kept)
    blocked = told("fragments/blocked.html", settings, answer=Blocked(ended_talk=True, kept=kept))
    for told_of_blocks in (thanks, blocked):
        assert ("for 30 days" in told_of_blocks) == (kept and settings.outlives_restarts)
        assert ("while this server runs" in told_of_blocks) == (not kept or not settings.outlives_restarts)


@every_configuration
def test_the_safety_page_names_whom_to_write_to(settings: Settings) -> None:
    """Issue 11, line 7."""
    page = told("pages/safety.html", settings)
    assert ("help@chat.example" in page) == bool(settings.contact_email)
    assert "Press Report" in page
    assert "Only block" in page
