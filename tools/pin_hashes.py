"""Write the hashes of everything that requirements.txt may install into it: `python -m tools.pin_hashes`.

For each pinned version these are the SHA-256 of its source archive and of every wheel for a Python from 3.11 on,
whatever the system, as the package index that pip is set up for names them. Run it after changing a version.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

FILE = Path(__file__).resolve().parents[1] / "requirements.txt"
NAMED_FILE = re.compile(r"/([^/\s]+)#sha256=([0-9a-f]{64})")
HASH = re.compile(r"\s*\\?\s*--hash=\S+")
CONTINUED = "\\\n"
EARLIEST = (3, 11)


def main() -> None:
    lines = FILE.read_text("utf-8").replace(CONTINUED, " ").splitlines()
    FILE.write_text("".join(f"{pinned(line)}\n" for line in lines), "utf-8")


def pinned(line: str) -> str:
    """The line of a requirement with its hashes; any other line as it is."""
    if not line or line.startswith("#"):
        return line
    wanted = HASH.sub("", line).strip()
    return f" {CONTINUED}    ".join([wanted, *(f"--hash=sha256:{found}" for found in hashes(Requirement(wanted)))])


def hashes(wanted: Requirement) -> list[str]:
    """The SHA-256 of each file that this version may be installed from, in order."""
    version = str(wanted.specifier).removeprefix("==")
    found = {digest for name, digest in files_of(f"{wanted.name}=={version}") if may_be_installed(name, version)}
    if not found:
        sys.exit(f"no file of {wanted.name} {version} was found")
    return sorted(found)


def files_of(package: str) -> list[tuple[str, str]]:
    """All files of a package by name and SHA-256. Pip tells of each it looks at, also of those for other systems."""
    with tempfile.TemporaryDirectory() as folder:
        download = [sys.executable, "-m", "pip", "download", "-vvv", "--no-deps", "--dest", folder, package]
        told = subprocess.run(download, capture_output=True, text=True, check=True).stdout
    return NAMED_FILE.findall(told)


def may_be_installed(file: str, version: str) -> bool:
    """Say whether a file is of this version, and for a Python that the chat runs on."""
    try:
        if file.endswith(".whl"):
            _, found, _, tags = parse_wheel_filename(file)
            return str(found) == version and any(map(is_for_us, tags))
        return str(parse_sdist_filename(file)[1]) == version
    except (InvalidWheelFilename, InvalidSdistFilename):
        return False


def is_for_us(tag: Tag) -> bool:
    """Say whether a wheel's tag fits a Python with its usual lock, of the earliest version we run on or a later one."""
    python = re.fullmatch(r"cp3(\d+)", tag.interpreter)
    if tag.interpreter in ("py3", "py2.py3") or (python and tag.abi == "abi3"):
        return True
    return python is not None and (3, int(python[1])) >= EARLIEST and not tag.abi.endswith("t")


if __name__ == "__main__":
    main()
