"""The servers that help two browsers find a way to each other."""

import base64
import hmac
from collections.abc import Callable
from hashlib import sha1, sha256

from quart_chat.settings import Settings, split


def ice_servers(settings: Settings, wall_clock: Callable[[], float], address: str) -> list[dict[str, object]]:
    """What a browser's `RTCPeerConnection` takes as `iceServers`, with credentials made for this one call.

    The name holds when they end and who it is: a keyed hash of the address, so that a relay's quota for one user holds
    for all calls of an address. The password is the name's HMAC-SHA1: coturn's `use-auth-secret`
    (draft-uberti-behave-turn-rest-00).
    """
    servers: list[dict[str, object]] = [{"urls": urls} for urls in [split(settings.stun_urls)] if urls]
    if turn := split(settings.turn_urls):
        secret = settings.turn_secret.encode()
        user = hmac.digest(secret, b"user:" + address.encode(), sha256)[:12].hex()
        name = f"{int(wall_clock()) + 60 * settings.turn_minutes}:{user}"
        digest = hmac.digest(secret, name.encode(), sha1)
        servers.append({"urls": turn, "username": name, "credential": base64.b64encode(digest).decode()})
    return servers
