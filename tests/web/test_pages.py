import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin

from quart_chat.domain.codes import ALPHABET
from quart_chat.settings import Settings
from tests.web.guest import GENEROUS, serving


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url) as client:
        yield client


async def create_room(client: httpx.AsyncClient) -> str:
    return str((await client.post("/api/rooms")).json()["code"])


@pytest.mark.parametrize("path", ["/", "/text", "/video", "/lobby", "/safety", "/docs"])
async def test_every_page_is_there_and_guarded(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Cache-Control"] == "no-store"
    assert "server" not in page.headers


async def test_every_script_and_style_of_a_page_carries_its_nonce(client: httpx.AsyncClient) -> None:
    page = await client.get("/lobby")
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", page.headers["Content-Security-Policy"]))
    tags = re.findall(r"<(?:script|style)\b[^>]*>", page.text)
    assert len(tags) == 5
    assert all(f'nonce="{nonce}"' in tag for tag in tags)


async def test_two_loads_of_a_page_share_neither_nonce_nor_token(client: httpx.AsyncClient) -> None:
    one, other = await client.get("/lobby"), await client.get("/lobby")
    assert one.headers["Content-Security-Policy"] != other.headers["Content-Security-Policy"]
    assert re.findall("page=([^&]+)", one.text) != re.findall("page=([^&]+)", other.text)


async def test_a_page_loads_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in ("/", "/text", "/lobby"):
        page = await client.get(path)
        sources = re.findall(r'\s(?:src|href|action)="([^"]*)"', page.text)
        assert all(source.startswith(("/", "#")) or not source for source in sources), sources


async def test_a_browser_keeps_its_secret_and_its_name(client: httpx.AsyncClient) -> None:
    first = await client.get("/")
    (browser,) = [line for line in first.headers.get_list("Set-Cookie") if line.startswith("browser=")]
    assert "HttpOnly" in browser
    assert "SameSite=Lax" in browser
    name = re.findall(r'value="([^"]+)" required', first.text)
    again = await client.get("/lobby")
    assert re.findall(r'value="([^"]+)" required', again.text) == name
    assert client.cookies["browser"] in browser


async def test_a_cookie_with_a_hostile_name_becomes_a_friendly_one(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"Cookie": "name=Moder%D0%B0tor; browser=<script>"}) as client:
        page = await client.get("/")
    assert "Moder" not in page.text
    assert "<script>" not in page.headers.get("Set-Cookie", "")


async def test_a_room_is_made_by_a_button_and_leads_to_its_own_address(client: httpx.AsyncClient, url: str) -> None:
    made = await client.post("/rooms", headers={"Origin": url})
    assert made.status_code == 303
    assert re.fullmatch(f"/room/[{ALPHABET}]{{6}}", made.headers["Location"])
    assert (await client.get(made.headers["Location"])).status_code == 200


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example"])
async def test_no_other_site_makes_rooms_here(client: httpx.AsyncClient, origin: str | None) -> None:
    headers = {"Origin": origin} if origin else {}
    assert (await client.post("/rooms", headers=headers)).status_code == 403


async def test_a_code_works_however_it_is_typed(client: httpx.AsyncClient) -> None:
    code = await create_room(client)
    for typed in (code.lower(), f"{code[:3]} {code[3:]}", f"{code[:3]}-{code[3:].lower()}"):
        joined = await client.get("/room", params={"code": typed})
        assert joined.headers["Location"] == f"/room/{code}"
        assert (await client.get(f"/room/{typed}")).status_code == 200


@pytest.mark.parametrize(
    "code", ["QQQQQQ", "short", "QQQQQ0", "%00", "%ff", "٣٢٣٢٣٢", "ß" * 6, "x" * 10_000, "<script>"]
)
async def test_an_unknown_code_gets_a_kind_page(client: httpx.AsyncClient, code: str) -> None:
    page = await client.get(f"/room/{code}")
    assert page.status_code == 404
    assert "Create a room" in page.text or "nothing here" in page.text
    assert "<script>alert" not in page.text
    assert "Traceback" not in page.text


async def test_the_code_is_drawn_for_cameras(client: httpx.AsyncClient) -> None:
    code = await create_room(client)
    drawn = await client.get(f"/room/{code}/qr.svg")
    assert drawn.headers["Content-Type"].startswith("image/svg+xml")
    assert drawn.text.startswith("<svg")
    assert (await client.get("/room/QQQQQQ/qr.svg")).status_code == 404


async def test_the_api_tells_of_rooms_and_people(client: httpx.AsyncClient, url: str) -> None:
    made = await client.post("/api/rooms")
    assert made.status_code == 201
    code = made.json()["code"]
    assert made.json()["url"] == f"{url}/room/{code}"
    assert (await client.get(f"/api/rooms/{code}")).json() == {"code": code, "people": 0}
    assert (await client.get("/api/rooms/QQQQQQ")).status_code == 404
    assert set((await client.get("/api/status")).json()) == {"text", "video", "lobby", "rooms"}


async def test_the_api_describes_itself_without_the_pages(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert set(described["paths"]) == {"/api/rooms", "/api/rooms/{code}", "/api/status"}
    assert "/api/rooms" in (await client.get("/docs")).text


async def test_static_files_are_compressed_and_kept_for_good(client: httpx.AsyncClient) -> None:
    page = await client.get("/")
    (styles,) = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
    sent = await client.get(styles)
    assert sent.headers["Content-Encoding"] == "gzip"
    assert "immutable" in sent.headers["Cache-Control"]
    plain = await client.get(styles, headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    assert plain.text == sent.text


@pytest.mark.parametrize(
    "path", ["/static/../quart_chat/app.py", "/static/x/css/app.css", "/static/%2e%2e/%2e%2e/LICENSE"]
)
async def test_nothing_but_static_files_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_health_is_told_without_cookies_or_pages(client: httpx.AsyncClient) -> None:
    health = await client.get("/healthz")
    assert health.text == "ok"
    assert "Set-Cookie" not in health.headers


async def test_the_face_beside_a_name_is_only_ever_an_emoji(client: httpx.AsyncClient) -> None:
    face = await client.get("/face", params={"name": "Teal Otter"})
    assert face.text.strip() == "🦦"
    hostile = await client.get("/face", params={"name": "<script>" * 1000})
    assert len(hostile.text.strip()) <= 2


async def test_counts_come_as_pieces_for_the_home_page(client: httpx.AsyncClient) -> None:
    counts = await client.get("/counts")
    assert counts.text.count("<hx-partial") == 4


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [("/lobby", "POST", {"GET", "HEAD", "OPTIONS"}), ("/rooms", "GET", {"POST", "OPTIONS"})],
)
async def test_a_method_that_is_not_allowed_is_told_which_are(
    client: httpx.AsyncClient, path: str, method: str, allowed: set[str]
) -> None:
    """Issue 11, line 21. RFC 9110, section 15.5.6, wants it."""
    refused = await client.request(method, path)
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize(
    "path",
    [
        "/counts",
        "/face?name=x",
        "/room/CODE/qr.svg",
        "/room?code=CODE",
        "/api/status",
        "/api/rooms/CODE",
        "/openapi.json",
        "/healthz",
        "/manifest.webmanifest",
        "/favicon.ico",
    ],
)
async def test_what_is_no_page_may_load_nothing_and_stand_in_no_frame(client: httpx.AsyncClient, path: str) -> None:
    """Issue 11, line 21."""
    answer = await client.get(path.replace("CODE", await create_room(client)))
    assert answer.status_code in (200, 303)
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"


BEHIND_TLS = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "chat.example"}


@pytest.fixture
async def secure() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server behind a proxy that ends TLS."""
    async with (
        serving(replace(GENEROUS, trusted_hops=1)) as url,
        httpx.AsyncClient(base_url=url, headers=BEHIND_TLS) as client,
    ):
        yield client


async def test_under_https_cookies_are_of_this_host_alone(secure: httpx.AsyncClient) -> None:
    """Issue 11, line 21."""
    page = await secure.get("/lobby")
    lines = page.headers.get_list("Set-Cookie")
    assert {line.partition("=")[0] for line in lines} == {"__Host-browser", "__Host-name"}
    assert all("Secure" in line and "Path=/" in line and "Domain" not in line for line in lines)
    assert "document.cookie = '__Host-name='" in page.text
    assert 'data-prefix="__Host-" data-attributes=";path=/;max-age=31536000;samesite=lax;secure"' in page.text


async def test_under_https_only_a_cookie_of_this_host_is_believed(secure: httpx.AsyncClient) -> None:
    """Issue 11, line 21. Another host of the same site can set any cookie but such a one."""
    first = (await secure.get("/lobby")).headers.get_list("Set-Cookie")
    ours = next(line.partition(";")[0] for line in first if line.startswith("__Host-browser="))
    kept = await secure.get("/lobby", headers={"Cookie": f"browser={'A' * 22}; name=Mallory; {ours}"})
    assert f"{ours};" in "".join(kept.headers.get_list("Set-Cookie"))
    assert "Mallory" not in kept.text
    planted = await secure.get("/lobby", headers={"Cookie": f"browser={'A' * 22}"})
    assert "A" * 22 not in "".join(planted.headers.get_list("Set-Cookie"))


async def test_under_https_a_socket_knows_its_browser_by_that_cookie(secure: httpx.AsyncClient) -> None:
    """Issue 11, line 21."""
    page = await secure.get("/lobby")
    address = html.unescape(re.findall(r'hx-ws:connect="([^"]+)"', page.text)[0])
    cookies = [line.partition(";")[0] for line in page.headers.get_list("Set-Cookie")]
    url = str(secure.base_url).replace("http", "ws", 1).rstrip("/") + address
    for cookie, is_let_in in ((cookies, True), ([f"__Host-browser={'A' * 22}"], False), ([cookies[0][7:]], False)):
        headers = {**BEHIND_TLS, "Cookie": "; ".join(cookie)}
        async with connect(url, origin=Origin("https://chat.example"), additional_headers=headers) as socket:
            if is_let_in:
                await socket.send('{"do": "enter", "name": "Ann"}')
                assert 'data-at="talk"' in str(await socket.recv())
            else:
                await socket.wait_closed()
                assert socket.close_code == 4403


async def test_under_https_a_browser_keeps_to_it_for_as_long_as_is_set(secure: httpx.AsyncClient, url: str) -> None:
    """Issue 11, line 21."""
    assert (await secure.get("/healthz")).headers["Strict-Transport-Security"] == "max-age=15552000"
    async with httpx.AsyncClient(base_url=url) as plain:
        assert "Strict-Transport-Security" not in (await plain.get("/")).headers
    async with (
        serving(Settings(trusted_hops=1, hsts_seconds=0)) as address,
        httpx.AsyncClient(base_url=address, headers=BEHIND_TLS) as client,
    ):
        assert "Strict-Transport-Security" not in (await client.get("/")).headers


@pytest.mark.parametrize(("method", "status"), [("POST", 405), ("DELETE", 405), ("TRACE", 405), ("OPTIONS", 200)])
async def test_other_methods_are_answered_cheaply(client: httpx.AsyncClient, method: str, status: int) -> None:
    assert (await client.request(method, "/lobby")).status_code == status


async def test_the_socket_refuses_what_is_no_handshake(client: httpx.AsyncClient) -> None:
    assert (await client.get("/ws")).status_code in (400, 404, 426)


async def test_a_large_form_is_refused(client: httpx.AsyncClient, url: str) -> None:
    refused = await client.post("/rooms", headers={"Origin": url}, content=b"x" * 100_000)
    assert refused.status_code in (303, 413)


FIRST_VISIT = 45_000  # bytes over the wire


@pytest.mark.parametrize("path", ["/", "/text", "/lobby"])
async def test_a_first_visit_is_light_and_a_second_one_is_a_single_request(
    client: httpx.AsyncClient, path: str
) -> None:
    async def weigh(path: str) -> tuple[int, httpx.Response]:
        async with client.stream("GET", path) as response:
            return sum([len(chunk) async for chunk in response.aiter_raw()]), response

    weight, page = await weigh(path)
    assert page.headers["Content-Encoding"] == "gzip"
    text = (await client.get(path)).text
    for needed in set(re.findall(r'<(?:link rel="(?:stylesheet|icon)"|script)[^>]* ?(?:href|src)="([^"]+)"', text)):
        more, asset = await weigh(needed)
        assert "immutable" in asset.headers["Cache-Control"]
        weight += more
    assert weight < FIRST_VISIT
