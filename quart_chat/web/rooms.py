"""Rooms by code: made in limited number, and found by those who do not guess."""

import asyncio
from collections import deque

from quart_chat.domain.codes import Chance, RoomCode, new_code, read_code
from quart_chat.domain.ports import Backend
from quart_chat.domain.rooms import RoomId, room_of
from quart_chat.settings import Settings
from quart_chat.web.address_limits import AddressLimits

CODE_TRIES = 20  # a code that is taken is drawn again; so many in a row do not happen
LOOKED_AFTER = 20  # rooms made before, at each new one, of which the closed are forgotten


class TooManyGuesses(Exception):
    """An address has tried too many codes that open nothing."""


class TooManyRooms(Exception):
    """An address has made too many rooms."""


class NoRoomLeft(Exception):
    """As many rooms are open as this process may have."""


class Rooms:
    """What a visitor's address may do with rooms."""

    def __init__(self, settings: Settings, limits: AddressLimits, backend: Backend, chance: Chance) -> None:
        self._most = settings.rooms_per_process
        self._limits = limits
        self._backend = backend
        self._chance = chance
        self._made: deque[RoomCode] = deque()

    async def make(self, address: str | None) -> RoomCode:
        """Open a room under a code nobody has; raises TooManyRooms or NoRoomLeft."""
        await self._forget_closed()
        if len(self._made) >= self._most:
            raise NoRoomLeft
        if not self._limits.may_make_room(address):
            raise TooManyRooms
        for _ in range(CODE_TRIES):
            code = new_code(self._chance)
            if await self._backend.create_room(code):
                self._made.append(code)
                return code
        raise NoRoomLeft

    async def find(self, typed: str, address: str | None) -> RoomCode | None:
        """The code of an open room, however it was typed; raises TooManyGuesses."""
        code = read_code(typed)
        return code if await self.is_open(room_of(code) if code else None, address) else None

    async def is_open(self, room: RoomId | None, address: str | None) -> bool:
        """Say whether a room is open, and count a wrong guess if not; raises TooManyGuesses."""
        if not self._limits.may_guess(address):
            raise TooManyGuesses
        if room is not None and await self._backend.people_in(room) is not None:
            return True
        self._limits.note_wrong_guess(address)
        return False

    async def _forget_closed(self) -> None:
        """Look after a few rooms of those that nobody has looked after for longest."""
        codes = [self._made.popleft() for _ in range(min(LOOKED_AFTER, len(self._made)))]
        looks = (self._backend.people_in(room_of(code)) for code in codes)
        people = await asyncio.gather(*looks, return_exceptions=True)  # a store that is away has closed no room
        self._made.extend(code for code, number in zip(codes, people, strict=True) if number is not None)
