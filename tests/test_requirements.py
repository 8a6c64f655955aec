"""The requirement files: complete, exact, and silent about where packages come from."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
RUN = ("requirements.txt",)
DEVELOP = ("requirements.txt", "requirements-dev.txt")
BENCH = (*DEVELOP, "requirements-bench.txt")
CALLED = {
    "socketio": "python-socketio"
}  # where a module that may not be installed is called otherwise than its package
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}\b")
OWN = {"quart_chat", "tests", "tools", "bench"}


def lines(name: str) -> list[str]:
    """What a requirement file says, without comments; a requirement and its hashes are one line."""
    joined = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    stripped = (line.strip() for line in joined.splitlines())
    return [line for line in stripped if line and not line.startswith("#")]


def requirements(files: tuple[str, ...]) -> list[Requirement]:
    """The requirements of some files, without their hashes."""
    return [Requirement(line.partition(" --hash=")[0]) for name in files for line in lines(name)]


def pinned(files: tuple[str, ...]) -> set[str]:
    """The names that some files pin, in their canonical form."""
    return {canonicalize_name(requirement.name) for requirement in requirements(files)}


def imported(folder: str) -> set[str]:
    """The top-level modules that the code of a folder imports from elsewhere."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / folder).rglob("*.py")]
    names = {name.partition(".")[0] for tree in trees for name in imports(tree)}
    return names - sys.stdlib_module_names - OWN


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def providers(modules: set[str]) -> set[str]:
    """The packages that the modules come from; a module that is not installed stands for itself."""
    known = packages_distributions()
    return {canonicalize_name(known.get(module, [CALLED.get(module, module)])[0]) for module in modules}


def names_one_version(requirement: Requirement) -> bool:
    operators = [specifier.operator for specifier in requirement.specifier]
    return operators == ["=="] and "*" not in str(requirement.specifier)


def needs(requirement: Requirement) -> set[str]:
    """What a package asks for on this Python, by its own metadata; nothing where it is not installed."""
    try:
        asked = [Requirement(line) for line in requires(requirement.name) or []]
    except PackageNotFoundError:
        return set()
    extras = requirement.extras or {""}
    return {canonicalize_name(need.name) for need in asked if is_asked(need, extras)}


def is_asked(need: Requirement, extras: set[str]) -> bool:
    return need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras)


@pytest.mark.parametrize("name", BENCH)
def test_every_requirement_names_one_version(name: str) -> None:
    loose = [str(requirement) for requirement in requirements((name,)) if not names_one_version(requirement)]
    assert loose == []


@pytest.mark.parametrize("name", BENCH)
def test_no_requirement_names_a_place_to_fetch_from(name: str) -> None:
    text = HASH.sub("", (ROOT / name).read_text("utf-8"))
    assert [sign for sign in ("://", "--", " @ ", "-f ", "-i ") if sign in text] == []


def test_what_the_app_runs_on_is_pinned_by_hashes() -> None:
    """Issue 11, line 1. One requirement without a hash, and pip refuses to install any of them."""
    assert [line for line in lines("requirements.txt") if not HASH.search(line)] == []


@pytest.mark.parametrize(("version", "needed"), [("3.11", True), ("3.12", False), ("3.13", False)])
def test_typing_extensions_are_pinned_where_quart_schema_imports_them(version: str, needed: bool) -> None:
    """Issue 11, line 1. It says so nowhere; tools/try_start.py tries it, where there is such a Python."""
    pins = [requirement for requirement in requirements(RUN) if requirement.name == "typing-extensions"]
    assert any(pin.marker is None or pin.marker.evaluate({"python_version": version}) for pin in pins) is needed


def test_what_the_app_imports_is_pinned() -> None:
    modules = imported("quart_chat")
    assert "quart" in modules
    assert providers(modules) - pinned(RUN) == set()


@pytest.mark.parametrize(("folder", "files"), [("tests", DEVELOP), ("tools", DEVELOP), ("bench", BENCH)])
def test_what_tests_and_tools_import_is_pinned(folder: str, files: tuple[str, ...]) -> None:
    assert providers(imported(folder)) - pinned(files) == set()


@pytest.mark.parametrize("files", [RUN, DEVELOP, BENCH], ids=["run", "develop", "bench"])
def test_whatever_a_pinned_package_needs_is_pinned_too(files: tuple[str, ...]) -> None:
    missing = {str(requirement): needs(requirement) - pinned(files) for requirement in requirements(files)}
    assert {name: names for name, names in missing.items() if names} == {}
