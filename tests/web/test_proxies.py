"""The chat behind real proxies, each set up as its own documentation has it for WebSockets."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin

from quart_chat.settings import Settings
from tests.web.guest import GENEROUS, Company, Guest, serving, until_it_answers
from tools.install_test_programs import command

PATIENCE = 10.0  # seconds; far more than anything here takes
ANN, BOB = "127.0.0.2", "127.0.0.3"  # addresses of this machine that visitors come from

# https://nginx.org/en/docs/http/websocket.html, and the headers that the README asks for.
NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        '' close;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {app};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
}}
"""

# https://www.haproxy.com/documentation/haproxy-configuration-tutorials/protocol-support/websocket/
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 1h
frontend chat
    bind 127.0.0.1:{port}
    option forwardfor
    http-request set-header X-Forwarded-Proto http
    default_backend processes
backend processes
    server one {host}
"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A program, how it is told what to do, and what stands in that file."""

    program: str
    arguments: tuple[str, ...]
    text: str

    @asynccontextmanager
    async def before(self, app: str, folder: Path) -> AsyncIterator[str]:
        """Run in front of the app at this address; gives its own."""
        program = command(self.program)
        if program is None:
            pytest.skip(f"{self.program} is not installed")
        port = free_port()
        told = folder / "configuration"
        told.write_text(self.text.format(folder=folder, port=port, app=app, host=app.removeprefix("http://")))
        process = await asyncio.create_subprocess_exec(program, *self.arguments, str(told))
        try:
            url = f"http://127.0.0.1:{port}"
            await until_it_answers(url)
            yield url
        finally:
            process.terminate()
            await process.wait()


PROXIES = (Proxy("nginx", ("-c",), NGINX), Proxy("haproxy", ("-db", "-f"), HAPROXY))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(params=PROXIES, ids=lambda proxy: proxy.program)
def proxy(request: pytest.FixtureRequest) -> Proxy:
    try:
        socket.create_server((ANN, 0)).close()
    except OSError:
        pytest.skip(f"this system has no address {ANN}, so all visitors would be one")
    found: Proxy = request.param
    return found


@asynccontextmanager
async def site(proxy: Proxy, folder: Path, settings: Settings) -> AsyncIterator[str]:
    """The chat behind one proxy; gives the address that visitors know."""
    async with serving(replace(settings, trusted_hops=1)) as app, proxy.before(app, folder) as url:
        yield url


async def test_people_talk_make_rooms_and_come_back(proxy: Proxy, tmp_path: Path) -> None:
    async with site(proxy, tmp_path, GENEROUS) as url:
        company = Company(url)
        ann, bob = await company.strangers()
        await ann.say("through the proxy")
        await bob.sees("through the proxy")
        await bob.drop()
        await ann.say("and after a return")
        await bob.connect(talking="1", room=bob.room, seq="0")
        await bob.sees("and after a return")
        async with httpx.AsyncClient(base_url=url, headers={"Origin": url}) as client:
            made = await client.post("/rooms", follow_redirects=True)
            assert (made.status_code, str(made.url).startswith(f"{url}/room/")) == (200, True)
        await company.hang_up()


async def test_sockets_are_limited_for_each_visitor_whatever_it_claims(proxy: Proxy, tmp_path: Path) -> None:
    """Issue 11, line 8: what must be shown."""
    async with site(proxy, tmp_path, replace(GENEROUS, sockets_per_address=2)) as url, AsyncExitStack() as stack:
        anns = [await stack.enter_async_context(await come(url, ANN, number)) for number in range(3)]
        assert await close_code(anns[2]) == 1013
        bob = await stack.enter_async_context(await come(url, BOB, 0))
        for socket_of_one in (*anns[:2], bob):
            await (await socket_of_one.ping())


async def test_guesses_are_limited_for_each_visitor_whatever_it_claims(proxy: Proxy, tmp_path: Path) -> None:
    """Issue 11, line 8: what must be shown."""
    async with site(proxy, tmp_path, replace(GENEROUS, wrong_codes_per_minute=2)) as url:
        assert [await guess(url, ANN, number) for number in range(4)] == [404, 404, 404, 429]
        assert await guess(url, BOB, 0) == 404


async def test_the_proxy_may_have_any_number_of_connections(proxy: Proxy, tmp_path: Path) -> None:
    """Issue 11, line 10."""
    settings = replace(GENEROUS, connections_per_address=1)
    async with site(proxy, tmp_path, settings) as url, AsyncExitStack() as stack:
        for number in range(3):
            visitor = await stack.enter_async_context(await come(url, ANN, number))
            await (await visitor.ping())


@pytest.mark.parametrize("path", ["/", "/ws", "/healthz"])
async def test_no_tunnel_is_opened_for_http_2(proxy: Proxy, tmp_path: Path, path: str) -> None:
    """Issue 11, line 8."""
    async with site(proxy, tmp_path, GENEROUS) as url:
        host = url.removeprefix("http://")
        reader, writer = await asyncio.open_connection(*host.split(":"))
        asked = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
        writer.write("\r\n".join((f"GET {path} HTTP/1.1", f"Host: {host}", *asked, "", "")).encode())
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert int(head.split()[1]) == (400 if path == "/ws" else 200)
    assert b"\r\nupgrade:" not in head.lower()


async def come(url: str, address: str, number: int) -> connect:
    """Open a socket from an address of one's own, and claim another one."""
    page = await Guest(url, "/lobby").load()
    cookies = "; ".join(f"{name}={value}" for name, value in page.cookies.items())
    claims = {"Cookie": cookies, "X-Forwarded-For": f"203.0.113.{number}"}
    return connect(page.address, origin=Origin(url), additional_headers=claims, local_addr=(address, 0))


async def guess(url: str, address: str, number: int) -> int:
    """Try a wrong code from an address of one's own, and claim another one."""
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(local_address=address)) as client:
        answer = await client.get(f"{url}/room/QQQQQQ", headers={"X-Forwarded-For": f"203.0.113.{number}"})
    return answer.status_code


async def close_code(client: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        async with asyncio.timeout(PATIENCE):
            while True:
                await client.recv()
    return client.close_code
