"""Install the programs, other than Python packages, that tests and screenshots use.

Only root may install system packages, and only where apt exists. Elsewhere this says what is missing and ends well:
a test without its program skips itself.
"""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import sync_playwright

FIREFOX_COMMANDS = ("firefox-esr", "firefox")
CHROMIUM_COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True, slots=True)
class Program:
    """Something to install: the apt package, what it is for, and how to see that it is there."""

    package: str
    purpose: str
    is_here: Callable[[], bool]


def chromium() -> str | None:
    """The first Chromium or Chrome on PATH that starts, or None."""
    found = (shutil.which(name) for name in CHROMIUM_COMMANDS)
    return next((path for path in found if path and succeeds(path, "--version")), None)


def main() -> None:
    """Install whatever is missing and may be installed; name the rest."""
    for program in PROGRAMS:
        if not program.is_here():
            install(program)
    if not chromium() and not playwright_has_chromium():
        install_chromium_of_playwright()


def install(program: Program) -> None:
    """Install one program by apt, or tell why it is missed."""
    say(f"{program.package} is missing")
    if can_use_apt() and apt_install(program.package) and program.is_here():
        say(f"{program.package} is installed now")
    else:
        say(f"going on without {program.package}: {program.purpose}")


def install_chromium_of_playwright() -> None:
    """Let Playwright download its own Chromium, with the system libraries where that is allowed."""
    say("no Chromium on PATH: installing the one of Playwright")
    extra = ["--with-deps"] if can_use_apt() else []
    if not succeeds(sys.executable, "-m", "playwright", "install", *extra, "chromium"):
        say("going on without Chromium: the tests in a browser are skipped")


def playwright_has_chromium() -> bool:
    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def can_use_apt() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(package: str) -> bool:
    """Install a package without a question; package lists are fetched when the first try fails without them."""
    install = ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package)
    return succeeds(*install) or (succeeds("apt-get", "update", "--quiet") and succeeds(*install))


def succeeds(*command: str) -> bool:
    """Run a command that may ask nothing; show what it said only when it fails."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    if result.returncode:
        say(f"{' '.join(command)} failed:\n{result.stdout[-1000:]}{result.stderr[-1000:]}")
    return result.returncode == 0


def command(name: str) -> str | None:
    """Where a program is; servers are kept where only root's PATH leads."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin")))


def has_command(name: str) -> Callable[[], bool]:
    return lambda: command(name) is not None


def has_firefox() -> bool:
    return any(map(shutil.which, FIREFOX_COMMANDS))


def has_font(family: str) -> Callable[[], bool]:
    return lambda: shutil.which("fc-list") is not None and family in listed_fonts()


def listed_fonts() -> str:
    return subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=False).stdout


def has_chromium_or_needs_none_of_apt() -> bool:
    """Ubuntu's package is a snap, which does not start in a container: there Playwright's own is the better one."""
    return chromium() is not None or playwright_has_chromium() or distribution() == "ubuntu"


def distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("ID", "")
    except OSError:
        return ""


def say(text: str) -> None:
    print(f"test programs: {text}", flush=True)


PROGRAMS = (
    Program("chromium", "Playwright's own is tried instead", has_chromium_or_needs_none_of_apt),
    Program("redis-server", "the tests with Redis are skipped", has_command("redis-server")),
    Program("coturn", "the tests with a TURN server are skipped", has_command("turnserver")),
    Program("nginx-light", "the tests behind nginx are skipped", has_command("nginx")),
    Program("haproxy", "the tests behind HAProxy are skipped", has_command("haproxy")),
    Program("firefox-esr", "the call between two makes of browser is skipped", has_firefox),
    Program("fonts-noto-color-emoji", "screenshots show boxes for emoji", has_font("Noto Color Emoji")),
    Program("fonts-noto-core", "screenshots show boxes for some scripts", has_font("Noto Sans")),
)

if __name__ == "__main__":
    main()
