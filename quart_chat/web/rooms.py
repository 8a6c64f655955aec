"""Rooms by code: made in limited number, and found by those who do not guess."""

from quart_chat.chat import Chat
from quart_chat.domain.codes import Chance, RoomCode, new_code, read_code
from quart_chat.web.address_limits import AddressLimits

CODE_TRIES = 20  # a code that is taken is drawn again; so many in a row do not happen


class TooManyGuesses(Exception):
    """An address has tried too many codes that open nothing."""


class TooManyRooms(Exception):
    """An address has made too many rooms."""


class NoRoomLeft(Exception):
    """As many rooms are open as this process may have."""


class Rooms:
    """What a visitor's address may do with rooms."""

    def __init__(self, limits: AddressLimits, chat: Chat, chance: Chance) -> None:
        self._limits = limits
        self._chat = chat
        self._chance = chance

    async def make(self, address: str | None) -> RoomCode:
        """Open a room under a code nobody has. Raises TooManyRooms, NoRoomLeft and StoreAway."""
        if not self._chat.has_place_for_a_room():
            raise NoRoomLeft
        if not self._limits.may_make_room(address):
            raise TooManyRooms
        for _ in range(CODE_TRIES):
            code = new_code(self._chance)
            if await self._chat.create_room(code):
                return code
        raise NoRoomLeft

    async def find(self, typed: str, address: str | None) -> RoomCode | None:
        """The code of an open room, however it was typed. Raises TooManyGuesses and StoreAway."""
        if not self._limits.may_guess(address):
            raise TooManyGuesses
        code = read_code(typed)
        if code and await self._chat.people_in(code) is not None:
            return code
        self._limits.note_wrong_guess(address)
        return None
