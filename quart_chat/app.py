"""The composition root: the only file that knows which concrete parts make up the app."""

import asyncio
import itertools
import os
import random
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial

from quart import Quart, Response, request
from quart_schema import Info, QuartSchema
from redis.asyncio import Redis

from quart_chat.backends.cabinet import FileCabinet
from quart_chat.backends.memory import MemoryBackend
from quart_chat.backends.redis import RedisBackend
from quart_chat.backends.store import Store, connect, reach
from quart_chat.chat import Chat
from quart_chat.delivery.hub import Hub
from quart_chat.delivery.session import Allowance, Sessions
from quart_chat.domain.limits import Limit, MessageLimits
from quart_chat.domain.ports import Clock, Unavailable
from quart_chat.domain.safety import Thresholds
from quart_chat.domain.signals import SIGNALS_PER_CALL
from quart_chat.log import SampledLog, log
from quart_chat.settings import BadSetting, Settings, split
from quart_chat.web import security
from quart_chat.web.address_limits import AddressLimits
from quart_chat.web.api import api_routes
from quart_chat.web.asgi import GuardedWebsocket, TrustedProxies
from quart_chat.web.assets import Assets
from quart_chat.web.fragments import Fragments
from quart_chat.web.hosts import KnownHosts
from quart_chat.web.ice import ice_servers
from quart_chat.web.pages import page_routes
from quart_chat.web.parts import Parts
from quart_chat.web.rooms import Rooms
from quart_chat.web.site import Site
from quart_chat.web.socket import Gate, socket_routes
from quart_chat.web.templating import ROOT, Templates

VERSION = "0.1.0"
TICK = 1.0  # seconds
LARGEST_BODY = 16_384  # bytes; the forms of this app are a few words long


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Quart:
    """Build the app; any ASGI server can run it.

    Without settings they are read from the environment; without a clock time is the machine's.
    """
    settings = settings or Settings.from_environ(os.environ)
    parts = assemble(settings, clock or SystemClock())
    gate = Gate(parts)
    app = Quart("quart_chat", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.asgi_websocket_class = GuardedWebsocket
    hosts = KnownHosts(app.asgi_app, frozenset(split(settings.allowed_hosts.lower())), parts.refusals)
    app.asgi_app = TrustedProxies(hosts, settings.trusted_hops)  # type: ignore[method-assign] # as Quart's docs say
    QuartSchema(
        app,
        info=Info(title="quart-chat", version=VERSION),
        conversion_preference="msgspec",
        swagger_ui_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
    )
    for blueprint in (page_routes(parts), api_routes(parts), socket_routes(parts, gate)):
        app.register_blueprint(blueprint)
    app.after_request(partial(_protect, settings))
    app.extensions["drain"] = gate.drain
    if not settings.trusted_hops:  # else all connections come from the proxy
        app.extensions["connections_per_address"] = settings.connections_per_address
    _keep_time(app, parts)
    return app


def assemble(settings: Settings, clock: Clock) -> Parts:
    """Put the parts of one process together; raises BadSetting when settings do not fit together."""
    if settings.turn_urls and not settings.turn_secret:
        raise BadSetting("TURN_URLS needs TURN_SECRET, the secret shared with those servers")
    chance = random.SystemRandom()
    assets = Assets(ROOT / "static")
    templates = Templates(assets.url, Site.of(settings))
    sessions = Sessions(_allowance(settings), clock)
    hub = Hub(sessions, Fragments(templates, partial(ice_servers, settings, clock)))
    secret_key = (settings.secret_key or secrets.token_hex(32)).encode()
    backend = _backend(settings, hub, sessions, clock)
    limits = AddressLimits(settings, secret_key, clock)
    bus = backend if isinstance(backend, RedisBackend) else hub
    return Parts(
        settings=settings,
        secret_key=secret_key,
        boot=settings.redis_prefix if settings.redis_url else secrets.token_hex(4),
        clock=clock,
        chance=chance,
        assets=assets,
        templates=templates,
        message_limits=_message_limits(settings, clock),
        limits=limits,
        refusals=SampledLog(settings.refusals_logged_per_minute),
        sessions=sessions,
        hub=hub,
        backend=backend,
        chat=Chat(
            backend,
            bus,
            clock,
            FileCabinet(settings.reports_file),
            skips=Limit(settings.skips_per_minute, 60.0),
        ),
        rooms=Rooms(settings, limits, backend, chance),
    )


def _backend(settings: Settings, hub: Hub, sessions: Sessions, clock: Clock) -> MemoryBackend | RedisBackend:
    """Rooms and queues in this process's memory, or in the store that several processes share."""
    new_pair_id, thresholds = partial(secrets.token_urlsafe, 9), Thresholds(settings.reporters_for_a_ban)
    if not settings.redis_url:
        return MemoryBackend(hub, clock, new_pair_id, thresholds)
    if not settings.secret_key:
        raise BadSetting("REDIS_URL needs a SECRET_KEY, the same for all processes")
    return RedisBackend(
        Store(_connect(settings), settings.redis_prefix, clock), hub, clock, new_pair_id, sessions, thresholds
    )


def check_store(settings: Settings) -> None:
    """Find out before the start whether the store answers; raises BadSetting when it does not."""
    if not settings.redis_url:
        return
    try:
        asyncio.run(reach(_connect(settings)))
    except Unavailable as error:
        raise BadSetting(f"the store at REDIS_URL does not answer ({error})") from None


def _connect(settings: Settings) -> Redis:
    try:
        return connect(settings.redis_url, bool(settings.redis_self_signed))
    except ValueError:
        raise BadSetting("REDIS_URL takes redis://host:port, rediss://host:port or unix://path") from None


def _allowance(settings: Settings) -> Allowance:
    return Allowance(
        frames=settings.frame_limit,
        messages=Limit(settings.messages_per_5s, 5.0),
        typing=Limit(2, 4.0),  # the page itself sends one every 3 seconds
        strikes=Limit(5, 60.0),
        signals=Limit(SIGNALS_PER_CALL, 60.0),
    )


def _message_limits(settings: Settings, clock: Clock) -> MessageLimits:
    of_an_address, of_the_lobby = settings.address_messages_per_5s, settings.lobby_messages_per_5s
    return MessageLimits(Limit(of_an_address, 5.0), Limit(of_the_lobby, 5.0), clock.monotonic())


async def _protect(settings: Settings, response: Response) -> Response:
    """Add the headers that each answer has, unless its route has set its own."""
    headers = dict(security.HEADERS)
    if settings.hsts_seconds and request.scheme == "https":
        headers["Strict-Transport-Security"] = f"max-age={settings.hsts_seconds}"
    response.headers.extend((name, value) for name, value in headers.items() if name not in response.headers)
    return response


def _keep_time(app: Quart, parts: Parts) -> None:
    """Let time pass for the chat while the app serves."""

    @app.while_serving
    async def ticking() -> AsyncGenerator[None, None]:
        shared = parts.backend if isinstance(parts.backend, RedisBackend) else None
        if shared:
            await _open(shared)
        task = asyncio.create_task(_tick(parts))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if shared:
            await shared.close()


async def _open(shared: RedisBackend) -> None:
    try:
        await shared.open()
    except Unavailable as error:
        raise BadSetting(f"the store at REDIS_URL cannot be used: {error}") from None


async def _tick(parts: Parts) -> None:
    for second in itertools.count():
        await asyncio.sleep(TICK)
        try:
            parts.hub.beat(second)
            parts.sessions.forget_the_gone()
            await parts.chat.tick()
        except Unavailable:
            continue  # the backend looks for its store, and tells people
        except Exception:
            log.exception("tick failed")
