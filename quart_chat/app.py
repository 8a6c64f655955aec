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

from quart_chat.chat import Chat, Rules
from quart_chat.delivery.hub import Hub
from quart_chat.delivery.sessions import Allowance, Sessions
from quart_chat.domain.limits import Limit
from quart_chat.domain.ports import Browsers, Clock, StoreAway
from quart_chat.domain.signals import SIGNALS_PER_CALL
from quart_chat.domain.timing import TICK
from quart_chat.domain.visitors import Visitor
from quart_chat.journal.memory import MemoryJournal
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.resp import StoreUrl, read_url
from quart_chat.journal.shared import SharedJournal
from quart_chat.log import SampledLog, log
from quart_chat.settings import BadSetting, Settings, split
from quart_chat.storage.browsers import RememberedBrowsers
from quart_chat.storage.redis import RedisFields
from quart_chat.storage.report_file import ReportFile
from quart_chat.web import security
from quart_chat.web.address_limits import AddressLimits
from quart_chat.web.api import api_routes
from quart_chat.web.asgi import GuardedWebsocket, TrustedProxies
from quart_chat.web.assets import Assets
from quart_chat.web.fragments import Fragments
from quart_chat.web.hosts import KnownHosts
from quart_chat.web.ice import ice_servers
from quart_chat.web.pages import page_routes
from quart_chat.web.rooms import Rooms
from quart_chat.web.services import Services
from quart_chat.web.site import Site
from quart_chat.web.socket import Drain, socket_routes
from quart_chat.web.templating import ROOT, Templates

VERSION = "0.1.0"
LARGEST_BODY = 16_384  # bytes; the forms of this app are a few words long


class SystemClock:
    """The machine's wall clock at the start of the process, and even seconds from there."""

    def __init__(self) -> None:
        self._ahead = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._ahead + time.monotonic()


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> Quart:
    """Build the app; any ASGI server can run it.

    Without settings they are read from the environment; without a clock time is the machine's.
    """
    settings = settings or Settings.from_environ(os.environ)
    services, journal = assemble(settings, clock or SystemClock())
    drain = Drain(services)
    app = Quart("quart_chat", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.asgi_websocket_class = GuardedWebsocket
    hosts = KnownHosts(app.asgi_app, frozenset(split(settings.allowed_hosts.lower())), services.refusals)
    app.asgi_app = TrustedProxies(hosts, settings.trusted_hops)  # type: ignore[method-assign] # as Quart's docs say
    QuartSchema(
        app,
        info=Info(title="quart-chat", version=VERSION),
        conversion_preference="msgspec",
        swagger_ui_path=None,
        redoc_ui_path=None,
        scalar_ui_path=None,
    )
    for blueprint in (page_routes(services), api_routes(services), socket_routes(services, drain)):
        app.register_blueprint(blueprint)
    app.after_request(partial(_protect, settings))
    app.extensions["drain"] = drain.drain
    if not settings.trusted_hops:  # else all connections come from the proxy
        app.extensions["connections_per_address"] = settings.connections_per_address
    _keep_time(app, services, journal)
    return app


def assemble(settings: Settings, clock: Clock) -> tuple[Services, MemoryJournal | SharedJournal]:
    """Put the parts of one process together; raises BadSetting when settings do not fit together."""
    if settings.turn_urls and not settings.turn_secret:
        raise BadSetting("TURN_URLS needs TURN_SECRET, the secret shared with those servers")
    chance = random.SystemRandom()
    assets = Assets(ROOT / "static")
    templates = Templates(assets.url, Site.of(settings))
    sessions = Sessions(_allowance(settings), clock)
    hub = Hub(sessions, Fragments(templates))
    secret_key = (settings.secret_key or secrets.token_hex(32)).encode()
    limits = AddressLimits(settings, secret_key, clock)
    journal, browsers = _journal(settings, clock)
    rules = Rules(Limit(settings.skips_per_minute, 60.0), settings.reporters_for_a_ban, settings.rooms_per_process)

    def servers_for(visitor: Visitor) -> list[dict[str, object]]:
        return ice_servers(settings, time.time, visitor.address)

    chat = Chat(journal, hub, browsers, ReportFile(settings.reports_file), servers_for, rules)
    journal.listen(chat)
    if isinstance(journal, SharedJournal):
        journal.leases.count_with(chat.present)
    services = Services(
        settings=settings,
        secret_key=secret_key,
        boot=settings.redis_prefix if settings.redis_url else secrets.token_hex(4),
        clock=clock,
        chance=chance,
        assets=assets,
        templates=templates,
        limits=limits,
        refusals=SampledLog(settings.refusals_logged_per_minute),
        sessions=sessions,
        hub=hub,
        chat=chat,
        rooms=Rooms(limits, chat, chance),
    )
    return services, journal


def _journal(settings: Settings, clock: Clock) -> tuple[MemoryJournal | SharedJournal, Browsers]:
    """In this process's memory, or in the store that several processes share."""
    if not settings.redis_url:
        return MemoryJournal(clock), RememberedBrowsers()
    if not settings.secret_key:
        raise BadSetting("REDIS_URL needs a SECRET_KEY, the same for all processes")
    store = RedisStore(_store_url(settings), settings.redis_prefix)
    return SharedJournal(store, clock), RememberedBrowsers(RedisFields(store.nodes, settings.redis_prefix))


def _store_url(settings: Settings) -> StoreUrl:
    try:
        return read_url(settings.redis_url, bool(settings.redis_self_signed))
    except ValueError:
        raise BadSetting(
            "REDIS_URL takes redis://host:port,host:port, the same with rediss://, unix://path, or "
            "redis+sentinel://host:port,host:port/name"
        ) from None


def _allowance(settings: Settings) -> Allowance:
    return Allowance(
        frames=settings.frame_limit,
        messages=Limit(settings.messages_per_5s, 5.0),
        typing=Limit(2, 4.0),  # the page itself sends one every 3 seconds
        strikes=Limit(5, 60.0),
        signals=Limit(SIGNALS_PER_CALL, 60.0),
    )


async def _protect(settings: Settings, response: Response) -> Response:
    """Add the headers that each answer has, unless its route has set its own."""
    headers = dict(security.HEADERS)
    if settings.hsts_seconds and request.scheme == "https":
        headers["Strict-Transport-Security"] = f"max-age={settings.hsts_seconds}"
    response.headers.extend((name, value) for name, value in headers.items() if name not in response.headers)
    return response


def _keep_time(app: Quart, services: Services, journal: MemoryJournal | SharedJournal) -> None:
    """Let time pass for the chat while the app serves."""

    @app.while_serving
    async def ticking() -> AsyncGenerator[None, None]:
        if isinstance(journal, SharedJournal):
            await _open(journal)
        task = asyncio.create_task(_tick(services))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if isinstance(journal, SharedJournal):
            await journal.close()


async def _open(journal: SharedJournal) -> None:
    try:
        await journal.open()
    except StoreAway as error:
        raise BadSetting(f"the store at REDIS_URL cannot be used: {error}") from None


async def _tick(services: Services) -> None:
    for second in itertools.count():
        await asyncio.sleep(TICK)
        try:
            services.sessions.beat(second)
            services.sessions.forget_the_gone()
            services.chat.tick()
        except Exception:
            log.exception("tick failed")
