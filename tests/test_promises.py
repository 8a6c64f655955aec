"""What the site says of what it keeps: in one place, true under each configuration, and the same as in the README."""

import itertools
import re

import pytest

from quart_chat.settings import Settings
from quart_chat.web.security import Cookies
from quart_chat.web.site import Site
from quart_chat.web.templating import ROOT, Templates

PROMISES = ROOT / "templates" / "partials" / "promises.html"
README = (ROOT / "README.md").read_text("utf-8")
# What other templates may not say; headings and habits of the reader's own are no promises.
PROMISED = re.compile(r"\b(kept|stored?|archived?|filed|forgotten|deleted|logs?|not meet)\b", re.IGNORECASE)
NO_PROMISE = {"What is kept"}

CONFIGURATIONS = [
    Settings(reports_file=reports, redis_url=store, contact_email=contact)
    for reports, store, contact in itertools.product(("", "r.jsonl"), ("", "redis://h"), ("", "help@chat.example"))
]
every_configuration = pytest.mark.parametrize(
    "settings", CONFIGURATIONS, ids=lambda s: f"{s.reports_file}-{s.redis_url}"
)


def told(template: str, settings: Settings) -> str:
    """What a page says under these settings, without its markup."""
    page = dict.fromkeys(("page", "boot", "nonce", "me", "name", "emoji", "origin"), "")
    counts = dict.fromkeys(("text", "video", "lobby", "rooms"), 0)
    html = Templates(lambda path: path, Site.of(settings)).render(
        template, "en", **page, hue=0, phone=False, counts=counts, event=None, cookies=Cookies("https")
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
    assert (site.reportable_minutes, "for ten minutes after the talk" in readme) == (10, True)
    assert "until 10 minutes after it" in page
    for cookie, name in (("a secret", "`browser`"), ("your name", "`name`"), ("agreed", "`agreed`")):
        assert cookie in page
        assert name in readme
    assert ("gone when the server restarts" in page) == (not settings.redis_url)


@every_configuration
def test_reports_are_said_to_be_read_only_where_they_are_kept(settings: Settings) -> None:
    """Issue 11, line 5."""
    home, safety = told("pages/home.html", settings), told("pages/safety.html", settings)
    thanks = told("fragments/reported.html", settings)
    assert ("unless they are reported" in home) == bool(settings.reports_file)
    assert ("Reports are written to a file" in safety) == bool(settings.reports_file)
    assert ("The report is filed" in thanks) == bool(settings.reports_file)
    assert ("nobody reads the words" in thanks) == (not settings.reports_file)
    assert ("for 30 days" in thanks) == bool(settings.redis_url)


@every_configuration
def test_the_safety_page_names_whom_to_write_to(settings: Settings) -> None:
    """Issue 11, line 7."""
    page = told("pages/safety.html", settings)
    assert ("help@chat.example" in page) == bool(settings.contact_email)
    assert "Press Report" in page
    assert "Only block" in page
