"""The vendored scripts are the released ones, and nothing lies beside them unnoticed."""

import tomllib
from hashlib import sha256
from pathlib import Path

VENDOR = Path(__file__).parent.parent / "static" / "vendor"
VERSIONS = VENDOR / "VERSIONS.toml"


def released() -> dict[str, str]:
    """The sha-256 of each file as released, by its name here."""
    packages = tomllib.loads(VERSIONS.read_text("utf-8"))["package"]
    return {file["name"]: file["sha256"] for package in packages for file in package["file"]}


def present() -> dict[str, str]:
    """The sha-256 of each file as it lies here, by its path inside the folder."""
    files = (path for path in VENDOR.rglob("*") if path.is_file() and path != VERSIONS)
    return {path.relative_to(VENDOR).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


def test_each_vendored_file_is_the_released_one_and_no_other_lies_there() -> None:
    assert present() == released()


def test_a_licence_lies_beside_the_vendored_files() -> None:
    assert "LICENSE" in present()
