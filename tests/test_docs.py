"""The docs are true: links lead somewhere, commands and files exist, the example runs."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from tests.web.guest import serving
from tools.document_settings import table

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_relative_link_and_picture_is_there(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)`", path.read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_every_file_that_the_map_names_exists() -> None:
    for row in re.findall(r"^\|[^|]+\|(.+)\|$", (ROOT / "docs/architecture.md").read_text(), re.MULTILINE):
        folder = ROOT
        for name in re.findall(r"`([\w./]+)`", row):
            path = ROOT / name if "/" in name or name.endswith(".toml") else folder / name
            assert path.exists(), name
            folder = path.parent


def test_the_table_of_settings_is_the_code_s() -> None:
    assert table() in (ROOT / "README.md").read_text(), "python -m tools.document_settings writes it anew"


async def test_the_example_of_the_readme_enters_the_lobby_and_is_heard() -> None:
    readme = (ROOT / "README.md").read_text()
    (example,) = re.findall(r"<!-- example: begin -->\n```python\n(.*?)```\n<!-- example: end -->", readme, re.DOTALL)
    async with serving() as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", example, url, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        said, failed = await asyncio.wait_for(process.communicate(), 30)
    assert b"hello" in said, failed.decode()
