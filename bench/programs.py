"""The peers in other languages, built once into .bench where Node.js with npm, or Go with gorilla, is there."""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

PEERS = Path(__file__).resolve().parent / "peers"
PROGRAMS = PEERS.parents[1] / ".bench"
WS = "ws@8.23.0"
DEBIAN_GO = "/usr/share/gocode"  # where the package golang-github-gorilla-websocket-dev puts its source


@cache
def build_node() -> bool:
    """Install Node's `ws`."""
    if not (shutil.which("node") and shutil.which("npm")):
        return False
    PROGRAMS.mkdir(exist_ok=True)
    shutil.copy(PEERS / "node_chat.js", PROGRAMS)
    return _runs("npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(PROGRAMS), WS)


@cache
def build_go() -> bool:
    """Compile the chat with Go's gorilla/websocket."""
    if not (shutil.which("go") and Path(DEBIAN_GO, "src/github.com/gorilla/websocket").exists()):
        return False
    PROGRAMS.mkdir(exist_ok=True)
    return _runs("go", "build", "-o", str(PROGRAMS / "gorilla_chat"), str(PEERS / "gorilla_chat.go"))


def versions() -> dict[str, str]:
    """The version of each."""
    found = {}
    if build_node():
        found["node"] = _says("node", "--version").lstrip("v")
        found["ws"] = WS.partition("@")[2]
    if build_go():
        found["go"] = _says("go", "version").split()[2].removeprefix("go")
    return found


def _says(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _runs(*command: str) -> bool:
    settings = {**os.environ, "GO111MODULE": "off", "GOPATH": DEBIAN_GO, "GOCACHE": str(PROGRAMS / "cache")}
    return subprocess.run(command, env=settings, check=False, stdout=subprocess.DEVNULL).returncode == 0
