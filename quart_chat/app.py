"""The composition root: the only file that knows which concrete parts make up the app."""

import asyncio
import itertools
import os
import random
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from quart import Quart, Response, request
from quart_schema import Info, QuartSchema

from quart_chat.chat import Chat, Rules
from quart_chat.delivery.hub import Hub
from quart_chat.delivery.sessions import Allowance, Sessions
from quart_chat.domain.limits import Limit
from quart_chat.domain.ports import Clock, StoreAway
from quart_chat.domain.signals import SIGNALS_PER_CALL
from quart_chat.domain.timing import DAY, EXPIRED_FORGOTTEN_EVERY, TICK
from quart_chat.domain.visitors import Visitor
from quart_chat.journal.memory import MemoryJournal
from quart_chat.journal.redis import RedisStore
from quart_chat.journal.resp import StoreUrl, read_url
from quart_chat.journal.shared import SharedJournal
from quart_chat.log import SampledLog, log
from quart_chat.restart import Restart
from quart_chat.settings import BadSetting, Settings, split
from quart_chat.storage.bans import KeptBans
from quart_chat.storage.browsers import RememberedBrowsers
from quart_chat.storage.data_dir import DataDir, write_atomically
from quart_chat.storage.memory import MemoryRows
from quart_chat.storage.redis import RedisFields, RedisRows
from quart_chat.storage.report_file import ReportFile
from quart_chat.storage.reports import KeptReports
from quart_chat.storage.rows import Rows
from quart_chat.storage.sqlite import SqliteRows
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
    data_dir, settings = _open_data_dir(settings)
    process = assemble(settings, clock or SystemClock(), data_dir)
    services, drain = process.services, Drain(process.services)
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
    if process.restart and data_dir:
        app.extensions["drain"] = partial(_drain, drain, process.restart, services.boot, data_dir)
    if not settings.trusted_hops:  # else all connections come from the proxy
        app.extensions["connections_per_address"] = settings.connections_per_address
    _keep_time(app, process, data_dir)
    return app


def _open_data_dir(settings: Settings) -> tuple[DataDir | None, Settings]:
    """The folder that is set, if it is of use; and the settings with the key that it holds."""
    if settings.redis_url:
        return None, settings  # everything is in the store, which other machines may share
    if not settings.data_dir:
        log.info("memory only: a restart ends all talks and forgets bans and blocks; DATA_DIR prevents that")
        return None, settings
    data_dir = DataDir(settings.data_dir)
    try:
        data_dir.open()
        return data_dir, replace(settings, secret_key=settings.secret_key or data_dir.secret_key())
    except OSError as error:
        data_dir.close()
        raise BadSetting(f"DATA_DIR cannot be used: {error.strerror or error}") from None


@dataclass(frozen=True, slots=True)
class Process:
    """The parts of one process. It has a `restart` if it alone knows of the people who are here."""

    services: Services
    journal: MemoryJournal | SharedJournal
    rows: Rows
    bans: KeptBans
    restart: Restart | None


def assemble(settings: Settings, clock: Clock, data_dir: DataDir | None = None) -> Process:
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
    journal, browsers, rows = _storage(settings, clock, data_dir)
    reports = KeptReports(
        rows, settings.outlives_restarts, settings.report_days * DAY, ReportFile(settings.reports_file)
    )
    bans = KeptBans(rows)
    rules = Rules(Limit(settings.skips_per_minute, 60.0), settings.reporters_for_a_ban, settings.rooms_per_process)

    def servers_for(visitor: Visitor) -> list[dict[str, object]]:
        return ice_servers(settings, time.time, visitor.address)

    chat = Chat(journal, hub, browsers, reports, bans, servers_for, rules)
    journal.listen(chat)
    restart = Restart(journal, sessions, browsers, chat) if isinstance(journal, MemoryJournal) else None
    if isinstance(journal, SharedJournal):
        journal.leases.count_with(chat.present)
    services = Services(
        settings=settings,
        secret_key=secret_key,
        boot=_boot(settings, restart, data_dir),
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
        storage=rows,
    )
    return Process(services, journal, rows, bans, restart)


def _boot(settings: Settings, restart: Restart | None, data_dir: DataDir | None) -> str:
    """The name of this run of the server. One that goes on with all talks of the run before is the same run."""
    if settings.redis_url:
        return settings.redis_prefix
    data = _snapshot_in(data_dir) if data_dir else None
    before = restart.restore(data) if restart and data else None
    return before or secrets.token_hex(4)


def _snapshot_in(data_dir: DataDir) -> bytes | None:
    try:
        return data_dir.take_snapshot()
    except OSError as error:
        log.error("snapshot not read", extra={"why": error.strerror})
        return None


async def _drain(drain: Drain, restart: Restart, boot: str, data_dir: DataDir) -> None:
    """Leave everything to the next process, and let the pages go to it."""
    drain.is_open = False
    leaving = asyncio.to_thread(_leave, data_dir, restart.freeze(boot))
    await asyncio.gather(leaving, drain.drain())


def _leave(data_dir: DataDir, snapshot: bytes) -> None:
    try:
        write_atomically(data_dir.snapshot_file, snapshot)
    except OSError as error:
        log.error("snapshot not written", extra={"why": error.strerror})


def _storage(
    settings: Settings, clock: Clock, data_dir: DataDir | None
) -> tuple[MemoryJournal | SharedJournal, RememberedBrowsers, Rows]:
    """In this process's memory and, if there is a folder, on its disk; or in the store that several processes share."""
    if not settings.redis_url:
        rows = SqliteRows(data_dir.database, clock) if data_dir else MemoryRows(clock)
        return MemoryJournal(clock), RememberedBrowsers(rows), rows
    if not settings.secret_key:
        raise BadSetting("REDIS_URL needs a SECRET_KEY, the same for all processes")
    store = RedisStore(_store_url(settings), settings.redis_prefix)
    shared = RedisRows(store.nodes, settings.redis_prefix, clock)
    fields = RedisFields(store.nodes, settings.redis_prefix)
    return SharedJournal(store, clock), RememberedBrowsers(shared, fields), shared


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


def _keep_time(app: Quart, process: Process, data_dir: DataDir | None) -> None:
    """Open what the chat keeps, and let time pass for it, while the app serves."""

    @app.while_serving
    async def ticking() -> AsyncGenerator[None, None]:
        await _open_storage(process)
        task = asyncio.create_task(_tick(process))
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await _close_storage(process, data_dir)


async def _open_storage(process: Process) -> None:
    if isinstance(process.journal, SharedJournal):
        await _open(process.journal)
    await process.rows.start()
    if isinstance(process.journal, MemoryJournal):
        process.journal.restore([(0, await process.bans.load())])


async def _close_storage(process: Process, data_dir: DataDir | None) -> None:
    await process.rows.stop()
    if isinstance(process.journal, SharedJournal):
        await process.journal.close()
    if data_dir:
        data_dir.close()


async def _open(journal: SharedJournal) -> None:
    try:
        await journal.open()
    except StoreAway as error:
        raise BadSetting(f"the store at REDIS_URL cannot be used: {error}") from None


async def _tick(process: Process) -> None:
    for second in itertools.count():
        await asyncio.sleep(TICK)
        try:
            process.services.sessions.beat(second)
            process.services.sessions.forget_the_gone()
            process.services.chat.tick()
            if second % EXPIRED_FORGOTTEN_EVERY == 0:
                process.rows.forget_expired()
        except Exception:
            log.exception("tick failed")
