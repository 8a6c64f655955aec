"""The arrows of the architecture point inward; this table is the whole truth about who may import whom."""

import ast
from collections.abc import Iterator
from pathlib import Path
from sys import stdlib_module_names

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "quart_chat"

MAY_IMPORT = {
    "domain": {"domain"},
    "chat": {"domain", "log"},
    "settings": {"domain"},
    "log": {"domain"},
    "journal": {"domain", "log", "journal"},
    "storage": {"domain", "journal", "log", "storage"},
    "delivery": {"domain", "log", "delivery"},
    "web": {"domain", "chat", "delivery", "log", "settings", "web"},
    "server": {"domain", "settings", "log", "hypercorn_patches", "workers"},
    "hypercorn_patches": {"delivery", "domain", "log"},
    "workers": {"domain", "log"},
    "open_files": {"log"},
    "restart": {"domain", "chat", "log", "journal", "storage", "delivery"},
    "app": {"domain", "chat", "settings", "log", "journal", "storage", "delivery", "restart", "web"},
    "__init__": {"app"},
    "commands": {"commands", "domain", "journal", "open_files", "settings", "storage", "web"},
    "__main__": {"server", "settings", "log", "open_files", "app", "commands"},
}
LIBRARIES_OF: dict[str, set[str]] = {
    "domain": set(),
    "chat": set(),
    "settings": set(),
    "log": set(),
    "journal": {"hiredis", "msgspec"},
    "storage": {"msgspec"},
    "restart": {"msgspec"},
    "commands": set(),
    "delivery": {"hypercorn"},  # the fast wire reaches for its transport
}


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """`quart_chat/web/pages.py` belongs to web, `quart_chat/chat.py` to chat."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_what_its_part_may(path: Path) -> None:
    part = part_of(path)
    for module in imports_of(path):
        package, _, rest = module.partition(".")
        if package == "quart_chat":
            imported = rest.partition(".")[0] or "__init__"
            assert imported in MAY_IMPORT[part], f"{part} must not import {module}"
        elif part in LIBRARIES_OF and package not in stdlib_module_names:
            assert package in LIBRARIES_OF[part], f"{part} must not import {module}"


def test_every_part_stands_in_the_table() -> None:
    assert {part_of(path) for path in sources()} == set(MAY_IMPORT)


def test_the_domain_has_no_clock_and_no_chance_of_its_own() -> None:
    for path in (PACKAGE / "domain").glob("*.py"):
        assert not {"time", "random", "secrets", "datetime", "asyncio"} & set(imports_of(path)), path
