"""Every setting of the app: read from the environment once, at start."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from quart_chat.domain.limits import Limit


class BadSetting(ValueError):
    """An environment variable that cannot be understood; its text names it and says what it takes."""


def _number(default: float, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


def _words(default: str, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may set; each field is the environment variable of the same name in capitals."""

    secret_key: str = _words(
        "",
        "Page nonces and the hashes of browsers and addresses are made with it. When empty it is made and kept in "
        "DATA_DIR; without that it is random at each start.",
    )
    data_dir: str = _words(
        "",
        "Folder for the key, for bans, blocks and reports, and during a restart for all talks. Without it all that is "
        "in memory only. Not used with REDIS_URL.",
    )
    trusted_hops: int = _number(0, "Proxies in front whose X-Forwarded-For is believed: 0 none, 1 Heroku, 2 Render.")
    allowed_origins: str = _words("", "Further origins, comma separated, whose pages may open the socket.")
    allowed_hosts: str = _words(
        "", "Hosts, comma separated, that the chat answers for; .example.org is all below it. Any when empty."
    )
    hsts_seconds: int = _number(
        15_552_000, "For how long a browser that came by https keeps to it (HSTS); 0 says nothing of it."
    )
    source_url: str = _words("", "Where the footer's link to the source code leads; no link when empty.")
    frames_per_minute: int = _number(120, "Frames one page may send in a minute.")
    frame_burst: int = _number(60, "Frames one page may send at once.")
    messages_per_5s: int = _number(5, "Messages one page may send in 5 seconds.")
    address_messages_per_5s: int = _number(30, "Messages all pages of one address may send in 5 seconds.")
    lobby_messages_per_5s: int = _number(100, "Messages this process takes for the lobby in 5 seconds, from everybody.")
    stun_urls: str = _words(
        "stun:stun.l.google.com:19302", "STUN servers, comma separated, that tell a browser its address."
    )
    turn_urls: str = _words("", "TURN servers, comma separated, that relay calls and hide addresses.")
    turn_secret: str = _words(
        "", "The secret shared with them (coturn's static-auth-secret); needed where TURN_URLS is set."
    )
    turn_minutes: int = _number(120, "Minutes for which the credentials made for one call are good.")
    skips_per_minute: int = _number(20, "Strangers one browser may skip in a minute before it has to wait.")
    reports_file: str = _words("", "File to which reports are appended as JSON lines, whatever else keeps them.")
    report_days: int = _number(180, "Days for which a report is kept in DATA_DIR or in the store.")
    contact_email: str = _words("", "Whom visitors may write to, as the safety page and bans say.")
    reporters_for_a_ban: int = _number(3, "Different browsers and addresses whose reports within an hour make a ban.")
    sockets_per_address: int = _number(
        20, "Sockets one address may have open; IPv6: a /64 is one address, a /56 has 4 times as much, a /48 16 times."
    )
    connections_per_address: int = _number(
        200, "TCP connections one address may have open; not counted behind a proxy (TRUSTED_HOPS)."
    )
    handshakes_per_minute: int = _number(30, "Sockets one address may open in a minute.")
    rooms_per_minute: int = _number(5, "Rooms one address may make in a minute.")
    rooms_per_process: int = _number(5_000, "Rooms made in this process that may be open at once.")
    wrong_codes_per_minute: int = _number(10, "Wrong room codes an address may try in a minute before it has to wait.")
    sockets_per_process: int = _number(10_000, "Sockets this process takes; beyond, visitors see a page that says so.")
    redis_url: str = _words(
        "",
        "The Redis or Valkey that makes several processes one chat; needs SECRET_KEY. One process when empty.",
    )
    redis_prefix: str = _words("quart-chat", "What all its keys and channels begin with.")
    redis_self_signed: int = _number(0, "1 believes any certificate of a rediss:// address, as Heroku's need.")
    refusals_logged_per_minute: int = _number(
        60, "Refusals of one kind written to the log in a minute; the others are counted."
    )
    log_level: str = _words("INFO", "DEBUG, INFO, WARNING or ERROR.")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> "Settings":
        """Read all settings; raises BadSetting for the first one that cannot be understood."""
        given = {f.name: _read(f.name, f.type, environ) for f in fields(cls) if f.name.upper() in environ}
        return replace(cls(), **given)

    @property
    def outlives_restarts(self) -> bool:
        """Whether anything is kept beside memory."""
        return bool(self.data_dir or self.redis_url)

    @property
    def frame_limit(self) -> Limit:
        """The burst, refilled at the rate of a minute's frames."""
        return Limit(self.frame_burst, 60 * self.frame_burst / self.frames_per_minute)


def split(listed: str) -> list[str]:
    """The entries of a comma separated setting."""
    return [entry.strip() for entry in listed.split(",") if entry.strip()]


def _read(name: str, kind: Any, environ: Mapping[str, str]) -> Any:
    text = environ[name.upper()].strip()
    if kind in (str, "str"):
        return text
    least = 0 if name in ("trusted_hops", "hsts_seconds", "redis_self_signed") else 1
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < least:
        raise BadSetting(f"{name.upper()} takes a whole number of at least {least}, not {text!r}")
    return number
