"""The docs are true: links lead somewhere, commands, files and numbers are the code's, the example runs."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import pytest

from quart_chat import server
from quart_chat.settings import Settings
from tests.web.guest import PATIENCE, serving
from tools.document_settings import OF_THE_SERVER, table

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "quart_chat"
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
UNITS = {"": 1, "s": 1, "min": 60, "day": 86_400, "days": 86_400, "KiB": 1024, "MiB": 1024**2}


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_relative_link_and_picture_is_there(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_make_target_that_is_named_exists(path: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", path.read_text("utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_file_that_is_named_exists(path: Path) -> None:
    for name in files_named_in(path):
        assert (ROOT / name).exists() or (PACKAGE / name).exists(), name


def test_the_map_names_every_file_of_the_package() -> None:
    files = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if path.name != "__init__.py"}
    assert files <= set(files_named_in(ARCHITECTURE)), "docs/architecture.md has to name them"


@pytest.mark.parametrize(
    ("told", "unit", "module", "name"),
    (
        numbers := re.findall(
            r"^\| ([\d,]+) ?([A-Za-z]*) \| `([\w.]+)\.([A-Z_]+)` \|", ARCHITECTURE.read_text("utf-8"), re.MULTILINE
        )
    ),
)
def test_every_number_of_the_architecture_is_the_code_s(told: str, unit: str, module: str, name: str) -> None:
    value = getattr(import_module(f"quart_chat.{module}"), name)
    assert int(told.replace(",", "")) * UNITS[unit] == value


def test_what_a_platform_asks_an_operator_for_says_what_the_settings_say() -> None:
    """Issue 11, line 21: the sentence about SECRET_KEY."""
    meanings = {field.name.upper(): field.metadata["meaning"] for field in fields(Settings)}
    asked = json.loads((ROOT / "app.json").read_text("utf-8"))["env"]
    assert asked.keys() <= meanings.keys()
    made_with_it, _, _ = meanings["SECRET_KEY"].partition(". ")
    assert asked["SECRET_KEY"]["description"].startswith(made_with_it)
    assert "cookie" not in asked["SECRET_KEY"]["description"].lower()  # they are drawn by chance and outlive the key


def test_the_table_of_settings_is_the_code_s() -> None:
    """Issue 11, line 21: all of them, ALLOWED_HOSTS too."""
    assert table() in README.read_text("utf-8"), "python -m tools.document_settings writes it anew"


def test_the_server_listens_where_the_table_says() -> None:
    (_, host, _), (_, port, _) = OF_THE_SERVER
    assert server.address({}) == (host, int(port))


async def test_the_example_of_the_readme_enters_the_lobby_and_is_heard() -> None:
    (example,) = re.findall(
        r"<!-- example: begin -->\n```python\n(.*?)```\n<!-- example: end -->", README.read_text("utf-8"), re.DOTALL
    )
    async with serving() as url:
        said = await run(example, url)
    assert "Robin" in said
    assert "hello" in said


async def run(program: str, *arguments: str) -> str:
    """What a Python program prints; what it complains of, when it fails."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        said, complained = await asyncio.wait_for(process.communicate(), PATIENCE)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, complained.decode()
    return said.decode()


def files_named_in(path: Path) -> Iterator[str]:
    """Files, and folders of ours, that a page names."""
    named = (
        r"(?<![\w./])(?:[\w-]+/)*[\w-]+\.(?:py|html|js|toml|yaml)\b|\b(?:docs|static|templates|tests|tools)/[\w./-]*\w"
    )
    return iter(re.findall(named, path.read_text("utf-8")))
