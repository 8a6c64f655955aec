"""Write the table of settings into the README: `python -m tools.document_settings`."""

import re
from dataclasses import fields
from pathlib import Path

from quart_chat.settings import Settings

README = Path(__file__).resolve().parents[1] / "README.md"
MARKED = re.compile(r"(<!-- settings: begin -->\n).*?(<!-- settings: end -->)", re.DOTALL)

OF_THE_SERVER = (
    ("HOST", "127.0.0.1", "Address to listen on."),
    ("PORT", "8000", "Port to listen on; 0 takes a free one."),
)


def table() -> str:
    """The settings as a Markdown table: name, default, meaning with its unit."""
    rows = [*OF_THE_SERVER, *((f.name.upper(), str(f.default), f.metadata["meaning"]) for f in fields(Settings))]
    lines = [f"| `{name}` | {f'`{default}`' if default else 'none'} | {meaning} |" for name, default, meaning in rows]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *lines]) + "\n"


def main() -> None:
    README.write_text(MARKED.sub(lambda found: found[1] + table() + found[2], README.read_text()))


if __name__ == "__main__":
    main()
