"""Credentials for a TURN server, and what a real coturn makes of them."""

import asyncio
import base64
import hmac
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator
from hashlib import md5
from pathlib import Path
from typing import Any

import pytest

from quart_chat.app import create_app
from quart_chat.settings import BadSetting, Settings
from quart_chat.web.ice import ice_servers

SECRET = "shared with the relay"
QUOTA = 2
PATIENCE = 10.0  # seconds

# RFC 8489, sections 5 and 14, and RFC 8656, sections 17 and 18.
ALLOCATE, ALLOCATED, REFUSED = 0x0003, 0x0103, 0x0113
USERNAME, INTEGRITY, ERROR_CODE, REALM, NONCE, TRANSPORT = 0x0006, 0x0008, 0x0009, 0x0014, 0x0015, 0x0019
UDP = bytes((17, 0, 0, 0))
MAGIC = 0x2112A442.to_bytes(4, "big")
OUT_OF_QUOTA = 486


def credentials(address: str) -> tuple[str, str]:
    """Name and password that a page of this address is given for a call."""
    settings = Settings(stun_urls="", turn_urls="turn:relay.example", turn_secret=SECRET)
    (server,) = ice_servers(settings, time.time, address)
    return str(server["username"]), str(server["credential"])


def test_all_calls_of_an_address_have_one_name_beside_the_hour_of_their_end() -> None:
    """Issue 11, line 17. A relay's quota for a user is one for an address then."""
    names = [credentials(address)[0].partition(":")[2] for address in ("one", "one", "other")]
    assert names[0] == names[1] != names[2]
    assert "one" not in names[0] and len(names[0]) >= 16


def test_a_relay_without_its_secret_ends_the_start() -> None:
    """Issue 11, line 17. Else every call would be given a password that opens nothing."""
    with pytest.raises(BadSetting, match="TURN_SECRET"):
        create_app(Settings(turn_urls="turn:relay.example"))


class Allocation(asyncio.DatagramProtocol):
    """A client that asks a TURN server for an address, as browsers do."""

    def __init__(self, name: str, password: str) -> None:
        self._name = name
        self._password = password
        self._has_signed = False
        self.status: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.sendto(message({TRANSPORT: UDP}))

    def datagram_received(self, data: bytes, _: object) -> None:
        kind, said = read(data)
        code = 200 if kind == ALLOCATED else 100 * said[ERROR_CODE][2] + said[ERROR_CODE][3]
        if code == 401 and not self._has_signed:
            self._has_signed = True
            self._transport.sendto(self._signed(said[REALM], said[NONCE]))
        elif not self.status.done():
            self.status.set_result(code)

    def error_received(self, error: Exception) -> None:
        """The server may not listen yet."""

    def _signed(self, realm: bytes, nonce: bytes) -> bytes:
        name = self._name.encode()
        key = md5(b":".join((name, realm, self._password.encode()))).digest()  # noqa: S324 - RFC 8489, section 9.2.2
        return message({TRANSPORT: UDP, USERNAME: name, REALM: realm, NONCE: nonce}, key)


def message(attributes: dict[int, bytes], key: bytes = b"") -> bytes:
    body = b"".join(attribute(kind, value) for kind, value in attributes.items())
    end = len(attribute(INTEGRITY, bytes(20))) if key else 0
    head = ALLOCATE.to_bytes(2, "big") + (len(body) + end).to_bytes(2, "big") + MAGIC + os.urandom(12)
    return head + body + (attribute(INTEGRITY, hmac.digest(key, head + body, "sha1")) if key else b"")


def attribute(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)


def read(data: bytes) -> tuple[int, dict[int, bytes]]:
    """The kind of a message, and its attributes."""
    found, rest = {}, data[20:]
    while rest:
        kind, size = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        found[kind] = rest[4 : 4 + size]
        rest = rest[4 + size + -size % 4 :]
    return int.from_bytes(data[:2], "big"), found


@pytest.fixture
async def relay(tmp_path: Path) -> AsyncIterator[int]:
    """A coturn that lets a user have few addresses at a time; gives its port."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("coturn is not installed")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(program, "--no-cli", "--no-tls", "--no-dtls", "--no-tcp", "--fingerprint", "--use-auth-secret"),
        *("--static-auth-secret", SECRET, "--realm", "test", "--user-quota", str(QUOTA)),
        *("--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", str(port)),
        *("--min-port", "49401", "--max-port", "49450", "--pidfile", str(tmp_path / "pid")),
        *("--userdb", str(tmp_path / "db"), "--log-file", str(tmp_path / "log")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await until_it_listens(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


async def until_it_listens(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await asks(port, "nobody", "", patience=0.2) == 0:  # noqa: ASYNC110 - another process has no event for it
            await asyncio.sleep(0.05)


async def asks(port: int, name: str, password: str, patience: float = PATIENCE) -> int:
    """Ask the relay for an address: 200, its refusal, or 0 for no answer."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_datagram_endpoint(
        lambda: Allocation(name, password), remote_addr=("127.0.0.1", port)
    )
    try:
        return await asyncio.wait_for(client.status, patience)
    except TimeoutError:
        return 0
    finally:
        transport.close()


async def test_a_relay_s_quota_holds_for_all_calls_of_an_address(relay: int) -> None:
    """Issue 11, line 17."""
    codes = [await asks(relay, *credentials("one")) for _ in range(QUOTA + 1)]
    assert codes == [200] * QUOTA + [OUT_OF_QUOTA]
    assert await asks(relay, *credentials("other")) == 200


def test_a_password_is_the_name_s_hash_under_the_shared_secret() -> None:
    name, password = credentials("one")
    assert base64.b64decode(password) == hmac.digest(SECRET.encode(), name.encode(), "sha1")
