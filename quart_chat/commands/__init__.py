"""What an operator does beside the server: `python -m quart_chat backup FILE`, `restore FILE`, `doctor`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from quart_chat.commands.copies import CommandFailed, back_up, restore
from quart_chat.commands.doctor import examine
from quart_chat.settings import BadSetting, Settings


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say, with the settings of the environment; returns the exit status, 1 if it failed."""
    asked = _parser().parse_args(arguments)
    try:
        settings = Settings.from_environ(os.environ)
        if asked.command == "backup":
            print(back_up(settings, asked.file))
        elif asked.command == "restore":
            print(restore(settings, asked.file))
        else:
            return examine(settings, asked.url)
    except (BadSetting, CommandFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m quart_chat", description="Serve the chat; or, with a command, look after what it keeps."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    backup = commands.add_parser("backup", help="copy bans, blocks and reports to a file, while the server runs")
    backup.add_argument("file", type=Path)
    back = commands.add_parser("restore", help="put such a copy in the place of what there is; the server must not run")
    back.add_argument("file", type=Path)
    doctor = commands.add_parser("doctor", help="look for what is wrong with the settings, the storage and the network")
    doctor.add_argument("--url", default="", help="the address that visitors type, to look at the proxies in front")
    return parser
