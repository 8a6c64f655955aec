"""A chat whose own clock can be put forward, so that `make soak` and `make attack` need not wait for what time ends."""

import asyncio
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quart import Quart, request

from quart_chat.app import SystemClock, create_app
from quart_chat.log import configure
from quart_chat.open_files import allow_open_files
from quart_chat.server import main
from quart_chat.settings import Settings

PROGRAM = ("-c", "from tools.leaping import serve; serve()")
PAGE = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Count:
    """What a process holds: memory in MiB, tasks, and open descriptors."""

    memory: float
    tasks: int
    files: int


class LeapingClock(SystemClock):
    """The machine's clock, and how many seconds it was put forward."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def serve() -> None:
    """Serve as `python -m quart_chat` does; /count tells what the process holds, /leap?seconds=N puts its clock on."""
    main(create)


def create() -> Quart:
    settings, clock = Settings.from_environ(os.environ), LeapingClock()
    configure(settings.log_level)
    allow_open_files(settings.sockets_per_process)
    app = create_app(settings, clock)

    @app.get("/leap")
    async def leap() -> str:
        clock.ahead += float(request.args["seconds"])
        return ""

    @app.get("/count")
    async def count() -> dict[str, Any]:
        return asdict(Count(memory_of("self"), len(asyncio.all_tasks()), files_of("self")))

    return app


def memory_of(process: int | str) -> float:
    """How much memory a process holds, in MiB."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * PAGE / 2**20


def files_of(process: int | str) -> int:
    """How many descriptors a process has open."""
    return len(list(Path(f"/proc/{process}/fd").iterdir()))
