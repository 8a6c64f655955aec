"""Work that goes on beside the requests."""

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

from quart_chat.domain.ports import Unavailable
from quart_chat.log import log


class Tasks:
    """Keeps running tasks from being collected, and tells of those that fail; a store that is away is no failure."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[asyncio.Task[None]]:
        return iter(self._running)

    def start(self, work: Coroutine[Any, Any, None], name: str | None = None) -> None:
        """Let this go on by itself."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._end)

    async def finish(self, name: str) -> None:
        """Wait until none of this name is left."""
        while named := [task for task in self._running if task.get_name() == name]:
            await asyncio.gather(*named, return_exceptions=True)

    async def cancel(self) -> None:
        """End all of them."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) and not isinstance(error, Unavailable):
            log.error("task failed", exc_info=error)
