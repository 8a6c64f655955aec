"""Many guests at once: how they come, talk and listen."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from bench.guests import Manners
from bench.line import PATIENCE, Hear, Line, ignore
from bench.servers import Server

MARK = b"~~"  # stands once in each message, and nowhere else
COMING_AT_ONCE = 50


async def gather_guests(server: Server, number: int, first: int = 0) -> list[Line]:
    """Let so many guests come, numbered from `first`. Raises Broken for one that is refused."""
    come = server.chat.manners.come
    return await some_at_a_time(number, lambda each: come(server.port_for(first + each), first + each))


async def some_at_a_time(number: int, do: Callable[[int], Awaitable[Line]]) -> list[Line]:
    """Do something for 0, 1, ... up to `number`, COMING_AT_ONCE of them at the same time."""
    numbers = iter(range(number))
    lines: list[Line] = []

    async def take_turns() -> None:
        for each in numbers:
            async with asyncio.timeout(PATIENCE):
                lines.append(await do(each))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(COMING_AT_ONCE):
            tasks.create_task(take_turns())
    return lines


class Conversation:
    """Some of the guests talk, each of them saying the next thing when it hears its own last one."""

    def __init__(self, manners: Manners, lines: Sequence[Line], talkers: int) -> None:
        self.deliveries = 0
        self._manners = manners
        self._talkers = {line: f"~~{number}~".encode() for number, line in enumerate(spread_over(lines, talkers))}
        for line in lines:
            line.hear = self._count_and_go_on if line in self._talkers else self._count

    def begin(self) -> None:
        for line in self._talkers:
            self._say_next(line)

    def _count(self, line: Line, data: bytes) -> None:
        self.deliveries += data.count(MARK)

    def _count_and_go_on(self, line: Line, data: bytes) -> None:
        self.deliveries += data.count(MARK)
        if self._talkers[line] in data:
            self._say_next(line)

    def _say_next(self, line: Line) -> None:
        self._manners.say(line, text_with(self._talkers[line].decode()))


class Exchange:
    """Strangers, two by two, each of whom answers as soon as it hears the other."""

    def __init__(self, manners: Manners, pairs: Sequence[tuple[Line, Line]]) -> None:
        self.messages = 0
        self._manners = manners
        self._first = [first for first, _ in pairs]
        for first, second in pairs:
            first.hear, second.hear = self._answer(b"~~2~", "~~1~"), self._answer(b"~~1~", "~~2~")

    def begin(self) -> None:
        for line in self._first:
            self._manners.say(line, text_with("~~1~"))

    def _answer(self, heard: bytes, mark: str) -> Hear:
        text = text_with(mark)

        def hear(line: Line, data: bytes) -> None:
            if heard in data:
                self.messages += 1
                self._manners.say(line, text)

        return hear


def spread_over(lines: Sequence[Line], talkers: int) -> Sequence[Line]:
    """So many of them, evenly from first to last, since a server writes to them in some order."""
    step = len(lines) // talkers
    return lines[step // 2 :: step][:talkers]


def text_with(mark: str, letters: int = 0) -> str:
    """An ordinary message that can be told from others; `letters` makes it longer."""
    return f"The train is late again, see you at nine then {mark} {'a word, ' * (letters // 8)}".rstrip()


def fall_silent(lines: Iterable[Line]) -> None:
    for line in lines:
        line.hear = ignore


def hang_up(lines: Iterable[Line]) -> None:
    for line in lines:
        line.cut()


async def until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait for a condition; raises AssertionError with these words when it does not come."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - a load looks at what it counts
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(otherwise) from None
