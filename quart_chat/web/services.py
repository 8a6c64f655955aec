"""What the web layer is given by the composition root."""

from dataclasses import dataclass

from quart_chat.chat import Chat
from quart_chat.delivery.hub import Hub
from quart_chat.delivery.sessions import Sessions
from quart_chat.domain.codes import Chance
from quart_chat.domain.ports import Clock, Storage
from quart_chat.log import SampledLog
from quart_chat.settings import Settings
from quart_chat.web.address_limits import AddressLimits
from quart_chat.web.assets import Assets
from quart_chat.web.rooms import Rooms
from quart_chat.web.templating import Templates


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a route may use. `boot` names this run of the server; `storage` says whether anything can be kept."""

    settings: Settings
    secret_key: bytes
    boot: str
    clock: Clock
    chance: Chance
    assets: Assets
    templates: Templates
    limits: AddressLimits
    refusals: SampledLog
    sessions: Sessions
    hub: Hub
    chat: Chat
    rooms: Rooms
    storage: Storage
