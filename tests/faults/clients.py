"""All clients of a test, which are judged together when it ends."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from tests.faults.checks import check_rules
from tests.faults.history import HistoryClient
from tests.web.guest import PATIENCE


class Clients:
    """The clients of one server. In the end they hang up, and what they have seen is checked."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.all: list[HistoryClient] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.hang_up()
        if error is None:
            check_rules(self.all)

    async def guest(
        self, path: str, cookies: dict[str, str] | None = None, base: str = "", address: str = ""
    ) -> HistoryClient:
        """Somebody who opens a page; `base` is another way to the server."""
        return await self.add(HistoryClient(base or self.base, path, cookies, address)).connect()

    def add(self, client: HistoryClient) -> HistoryClient:
        """Judge this client too."""
        self.all.append(client)
        return client

    async def reload(self, client: HistoryClient) -> HistoryClient:
        """Load a client's page anew in the same browser; the old page is gone."""
        await client.drop()
        return await self.guest(client.path, client.cookies, client.base)

    async def second_socket(self, client: HistoryClient, base: str = "") -> HistoryClient:
        """Connect as the same page, while its socket is still open."""
        second = self.add(client.copy())
        second.moves_to(base or client.base)
        return await second.comes_back()

    async def in_lobby(self, name: str, base: str = "") -> HistoryClient:
        """Somebody in the lobby."""
        return await (await self.guest("/lobby", base=base)).enter(name)

    async def strangers(self, kind: str = "text", base: str = "") -> tuple[HistoryClient, HistoryClient]:
        """Ann, who may come another way, and Bob."""
        ann, bob = await self.guest(f"/{kind}", base=base), await self.guest(f"/{kind}")
        await ann.seek("Ann")
        await bob.seek("Bob")
        await ann.is_at("talk")
        await bob.is_at("talk")
        return ann, bob

    async def hang_up(self) -> None:
        """Close all sockets."""
        await asyncio.gather(*(client.hang_up() for client in self.all))


@asynccontextmanager
async def staying_connected(clients: Sequence[HistoryClient], limit: float = PATIENCE) -> AsyncIterator[None]:
    """Let pages come back by themselves; in the end they have so many seconds to get all their answers."""
    pages = [asyncio.create_task(client.stays_connected()) for client in clients]
    try:
        yield
        await asyncio.gather(*(client.has_all_answers(limit) for client in clients))
    finally:
        for page in pages:
            page.cancel()
        await asyncio.gather(*pages, return_exceptions=True)
