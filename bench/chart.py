"""A bar chart as SVG, readable on light and dark pages alike."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, NAMES, NUMBERS = 760, 220, 90  # pixels: all, the column of names, the room for a bar's number
MARGIN, ROW, THICKNESS, TITLE, HEADING = 20, 26, 16, 34, 30

STYLE = """
svg { --page: #fff; --ink: #1c2024; --quiet: #60646c; --ours: #16803c; --theirs: #b9bbc6; }
@media (prefers-color-scheme: dark) {
  svg { --page: #18191b; --ink: #edeef0; --quiet: #b0b4ba; --ours: #3fb866; --theirs: #5a6169; }
}
.page { fill: var(--page); }
text { font: 13px system-ui, sans-serif; fill: var(--ink); dominant-baseline: middle; }
.title { font-size: 15px; font-weight: 600; }
.heading { fill: var(--quiet); }
.number { font-variant-numeric: tabular-nums; }
.ours { fill: var(--ours); }
.theirs { fill: var(--theirs); }
""".strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One bar."""

    name: str
    value: float
    ours: bool


@dataclass(frozen=True, slots=True)
class Group:
    """Bars under one heading."""

    heading: str
    rows: Sequence[Row]


def draw(title: str, groups: Sequence[Group]) -> str:
    """Draw all groups on one scale that begins at nought."""
    height = 2 * MARGIN + TITLE + sum(HEADING + ROW * len(group.rows) for group in groups)
    most = max(row.value for group in groups for row in group.rows)
    told = "; ".join(f"{group.heading}: {_told(group)}" for group in groups)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<desc>{escape(told)}</desc>",
            f"<style>{STYLE}</style>",
            f'<rect class="page" width="{WIDTH}" height="{height}" rx="8"/>',
            f'<text class="title" x="{MARGIN}" y="{MARGIN + 8}">{escape(title)}</text>',
            *_groups(groups, most),
            "</svg>\n",
        ]
    )


def _told(group: Group) -> str:
    return ", ".join(f"{row.name} {row.value:,.0f}" for row in group.rows)


def _groups(groups: Sequence[Group], most: float) -> Iterator[str]:
    y = MARGIN + TITLE
    for group in groups:
        yield f'<text class="heading" x="{MARGIN}" y="{y + HEADING // 2}">{escape(group.heading)}</text>'
        y += HEADING
        for row in group.rows:
            yield from _bar(row, y, most)
            y += ROW


def _bar(row: Row, y: int, most: float) -> Iterator[str]:
    left, middle, top = MARGIN + NAMES, y + ROW // 2, y + (ROW - THICKNESS) // 2
    length = max(1, round(row.value / most * (WIDTH - left - NUMBERS - MARGIN)))
    kind = "ours" if row.ours else "theirs"
    yield f'<text x="{MARGIN}" y="{middle}">{escape(row.name)}</text>'
    yield f'<rect class="{kind}" x="{left}" y="{top}" width="{length}" height="{THICKNESS}" rx="2"/>'
    yield f'<text class="number" x="{left + length + 8}" y="{middle}">{row.value:,.0f}</text>'
