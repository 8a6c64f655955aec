"""The servers that help two browsers find a way to each other."""

import base64
import hmac
import secrets
from hashlib import sha1

from quart_chat.domain.ports import Clock
from quart_chat.settings import Settings


def ice_servers(settings: Settings, clock: Clock) -> list[dict[str, object]]:
    """What a browser's `RTCPeerConnection` takes as `iceServers`, with credentials made for this one call.

    The name holds when they end, the password is its HMAC-SHA1: coturn's `use-auth-secret`
    (draft-uberti-behave-turn-rest-00).
    """
    servers: list[dict[str, object]] = [{"urls": urls} for urls in [_split(settings.stun_urls)] if urls]
    if turn := _split(settings.turn_urls):
        name = f"{int(clock.wall()) + 60 * settings.turn_minutes}:{secrets.token_hex(4)}"
        digest = hmac.digest(settings.turn_secret.encode(), name.encode(), sha1)
        servers.append({"urls": turn, "username": name, "credential": base64.b64encode(digest).decode()})
    return servers


def _split(urls: str) -> list[str]:
    return [url.strip() for url in urls.split(",") if url.strip()]
