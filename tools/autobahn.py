"""Run the Autobahn test suite, a fuzzing WebSocket client, against this app's server, adopted and through ASGI.

The suite needs Python 2.7, looked for on PATH and in pyenv; where there is none, this says so and ends well. It is
installed, and writes its report, into .venv-autobahn. Exits with 1 when a case has failed.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.web.echo_app import create_echo, serving

FOLDER = Path(__file__).resolve().parents[1] / ".venv-autobahn"
REPORT = FOLDER / "report"
SUITE = "autobahntestsuite==25.10.1"
# As a site folder, since some of its packages share a namespace.
RUN = "import site; site.addsitedir('lib'); from autobahntestsuite.wstest import run; run()"
ROUTES = ("adopted", "echo")  # a connection taken over from Hypercorn, and one through ASGI

# Messages beyond our 64 KiB, and compression, which is declined.
LEFT_OUT = ["9.*", "12.*", "13.*"]
FAILURES = {"FAILED", "WRONG CODE", "UNCLEAN"}


def main() -> None:
    """Run every case that applies; name those that failed."""
    python = next(pythons(), None)
    if python is None:
        print("Skipped: the Autobahn suite needs Python 2.7, and there is none here.")
        return
    install(python)
    asyncio.run(fuzz(python))
    behaviours = read_report()
    print(", ".join(f"{count} {name}" for name, count in Counter(behaviours.values()).most_common()))
    if failed := [case for case, behaviour in behaviours.items() if behaviour in FAILURES]:
        sys.exit(f"failed: {', '.join(failed)}; see {REPORT / 'index.html'}")


def pythons() -> Iterator[str]:
    """Every Python 2.7 that starts: a pyenv shim may stand on PATH for a version that it refuses to run."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for path in (shutil.which("python2.7"), *root.glob("versions/2.7*/bin/python2.7")):
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            yield str(path)


def install(python: str) -> None:
    """Install the suite once."""
    installed = FOLDER / "installed"
    if installed.exists() and installed.read_text("utf-8") == SUITE:
        return
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    print(f"Installing {SUITE} into {FOLDER.name}.", flush=True)
    pip = [python, "-W", "ignore", "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    if subprocess.run([*pip, "--target", str(FOLDER / "lib"), SUITE], check=False).returncode:
        sys.exit("the Autobahn suite could not be installed")
    installed.write_text(SUITE, "utf-8")


async def fuzz(python: str) -> None:
    """Let the suite speak to a fresh server."""
    # Some cases send a frame in pieces; the suite's pong to a ping of ours would fall between them.
    async with serving(create_echo(), websocket_ping_interval=None) as port:
        spec = FOLDER / "spec.json"
        spec.write_text(json.dumps(specification(port)), "utf-8")
        command = (python, "-W", "ignore", "-c", RUN, "--mode", "fuzzingclient", "--spec", str(spec))
        suite = await asyncio.create_subprocess_exec(*command, cwd=FOLDER, stdout=subprocess.DEVNULL)
        if await suite.wait():
            sys.exit("the Autobahn suite did not run to its end")


def specification(port: int) -> dict[str, object]:
    """What the suite is to do."""
    return {
        "outdir": str(REPORT),
        "servers": [{"agent": route, "url": f"ws://127.0.0.1:{port}/{route}"} for route in ROUTES],
        "cases": ["*"],
        "exclude-cases": LEFT_OUT,
        "exclude-agent-cases": {},
    }


def read_report() -> dict[str, str]:
    """How each case went, by its route and number."""
    routes = json.loads((REPORT / "index.json").read_text("utf-8"))
    return {f"{route} {case}": result["behavior"] for route in ROUTES for case, result in routes[route].items()}


if __name__ == "__main__":
    main()
