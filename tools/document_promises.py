"""Write what is kept into the README, in the words of the safety page: `python -m tools.document_promises`."""

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path

from quart_chat.settings import Settings
from quart_chat.web.site import Site
from quart_chat.web.templating import Templates

README = Path(__file__).resolve().parents[1] / "README.md"
MARKED = re.compile(r"(<!-- kept: begin -->\n).*?(<!-- kept: end -->)", re.DOTALL)
ALWAYS = ("of_talks", "of_rooms", "of_copies", "of_browsers", "of_the_log", "of_cookies")
DIFFERING = ("where_it_is_kept", "how_long")
BY_CONFIGURATION = {
    "In memory only, as without any setting": Settings(),
    "With `DATA_DIR`": Settings(data_dir="data"),
    "With `REDIS_URL`": Settings(redis_url="redis://store"),
}
BESIDES = "With `REPORTS_FILE` besides"


def promises() -> dict[str, list[str]]:
    """What the safety page says: the same under each configuration, and what differs."""
    told = {name: said(settings, DIFFERING) for name, settings in BY_CONFIGURATION.items()}
    return {"": said(Settings(), ALWAYS), **told, BESIDES: said(Settings(reports_file="reports.jsonl"), DIFFERING[1:])}


def said(settings: Settings, macros: Sequence[str]) -> list[str]:
    """What these macros of templates/partials/promises.html say under some settings."""
    module = Templates(lambda path: path, Site.of(settings)).find("partials/promises.html", "en").module
    return [re.sub(r"\s+", " ", unescape(getattr(module, macro)())).strip() for macro in macros]


def text() -> str:
    """The promises as Markdown."""
    told = promises()
    always = [f"- {sentence}" for sentence in told.pop("")]
    differing = [f"- {name}: {' '.join(sentences)}" for name, sentences in told.items()]
    return "\n".join([*differing, "", *always]) + "\n"


def main() -> None:
    README.write_text(MARKED.sub(lambda found: found[1] + text() + found[2], README.read_text()))


if __name__ == "__main__":
    main()
