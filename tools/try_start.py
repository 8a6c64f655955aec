"""Start the chat with nothing installed but requirements.txt, and ask for /healthz: `python tools/try_start.py`.

A fresh virtual environment is made with the Python that runs this, and removed: the packages of the tests would hide
one that requirements.txt lacks. Uses the standard library alone. Exits 1 when the chat does not answer.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 30.0  # seconds for the answer


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        python = fresh_environment(Path(folder))
        answer = health_of_chat(python)
    print(f"Python {sys.version.split()[0]}: /healthz answers {answer!r}")
    sys.exit(answer != "ok")


def fresh_environment(folder: Path) -> Path:
    """Install requirements.txt, and nothing else, into a new environment; returns its Python."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = (str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
    subprocess.run([*install, "--requirement", str(ROOT / "requirements.txt")], check=True)
    return python


def health_of_chat(python: Path) -> str:
    """What /healthz says; nothing when the chat does not start."""
    environ = {**os.environ, "HOST": "127.0.0.1", "PORT": "0", "REDIS_URL": "", "WEB_CONCURRENCY": ""}
    with subprocess.Popen(
        [python, "-m", "quart_chat"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
    ) as chat:
        assert chat.stdout  # noqa: S101 - a pipe was asked for
        said = chat.stdout.readline().split()
        try:
            return urlopen(f"{said[-1]}/healthz", timeout=PATIENCE).read().decode() if said else ""  # noqa: S310 - our own
        finally:
            chat.terminate()


if __name__ == "__main__":
    main()
