"""Hosts: what is none is refused with 400 under any ASGI server, and what is not ours where a list says so."""

from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from quart_chat.app import create_app
from quart_chat.settings import Settings
from quart_chat.web.hosts import name_of_host
from tests.web.guest import serving

NO_HOSTS = [
    b"a..b",
    b".a",
    b"x" * 64,
    b".".join([b"x" * 60] * 5),
    b"a b",
    b"a@b",
    b"a:b",
    b"a:123456",
    b"[::1",
    b"\xd0\xb1",
]


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"Chat.Example:8443", "chat.example"),
        (b"chat.example.", "chat.example"),
        (b"127.0.0.1:80", "127.0.0.1"),
        (b"[::1]:8000", "[::1]"),
        (b"chat_1", "chat_1"),
    ],
)
def test_a_host_is_named_without_its_port_and_in_small_letters(host: bytes, name: str) -> None:
    assert name_of_host(host) == name


@pytest.mark.parametrize("host", NO_HOSTS)
async def test_a_bad_host_is_answered_with_400_by_the_app_itself(host: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Issue 12, line 7. Asked as any ASGI server asks; Quart would fail, and a traceback would stand in the log."""
    answers = [await ask(kind, host) for kind in ("http", "websocket")]
    assert [answer["status"] for answer in answers] == [400, 400]
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


async def test_a_server_that_can_refuse_a_handshake_in_one_way_only_does_so() -> None:
    answer = await ask("websocket", b"a..b", extensions={})
    assert answer["type"] == "websocket.close"


async def ask(kind: str, host: bytes, **more: object) -> dict[str, Any]:
    """The first thing that the app sends to one who asks for this host."""
    app = create_app(Settings())
    sent: list[dict[str, Any]] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    scope: Any = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": {"http": "http", "websocket": "ws"}[kind],
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host)],
        "client": ("192.0.2.1", 1),
        "server": ("192.0.2.2", 80),
        "extensions": {"websocket.http.response": {}},
        "subprotocols": [],
        **more,
    }
    await app(scope, receive, send)
    return sent[0]


async def test_only_hosts_that_are_allowed_are_answered() -> None:
    """Issue 11, line 21."""
    async with serving(Settings(allowed_hosts="Chat.Example, .talk.example")) as url:
        async with httpx.AsyncClient(base_url=url) as client:
            for host, status in {
                "chat.example": 200,
                "CHAT.example:8443": 200,
                "a.talk.example": 200,
                "talk.example": 400,
                "evil.example": 400,
                "chat.example.evil": 400,
                "evil-chat.example": 400,
            }.items():
                answer = await client.get("/", headers={"Host": host})
                assert answer.status_code == status, host
                assert "evil" not in answer.text
            assert (await client.get("/healthz", headers={"Host": "10.0.0.1"})).status_code == 200
        with pytest.raises(InvalidStatus, match="400"):
            async with connect(f"{url.replace('http', 'ws')}/ws?page={'A' * 22}&place=lobby"):
                pass
