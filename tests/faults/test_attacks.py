"""The attacks of `make attack`, each once."""

import asyncio

import pytest

from tests.web.guest import PATIENCE
from tools.attack import attack
from tools.attacks import LOST, Site


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_attacks_are_refused_and_cost_the_neighbours_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Issue 11: what must be shown. How soon a neighbour's message arrives is for `make attack` to measure."""
    await check_addresses()
    assert await attack(seconds=0, slowest=PATIENCE) == [], capsys.readouterr().out


async def check_addresses() -> None:
    """Attackers come from many addresses of loopback, which only Linux has."""
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        _, writer = await Site(f"http://127.0.0.1:{port}", 0).connect("127.9.9.9")
        writer.close()
    except LOST:
        pytest.skip("this system has only one address of its own")
    finally:
        server.close()
