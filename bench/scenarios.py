"""What is measured: each scenario puts one load on a running chat and returns figures."""

import asyncio
import json
import random
import re
from collections.abc import Sequence
from itertools import count
from statistics import median

from bench.crowd import (
    MARK,
    Conversation,
    Exchange,
    fall_silent,
    gather_guests,
    hang_up,
    some_at_a_time,
    spread_over,
    text_with,
    until,
)
from bench.guests import IN_A_TALK, JsonManners, OurManners, Page, SmallRooms, at_the_door, load
from bench.line import PATIENCE, Broken, Line
from bench.servers import Server, Usage

NUMBERED = re.compile(rb"~~(\d+)~")
SETTLING = 1.0  # seconds before anything is counted, and after it for what is still on its way
RECONNECT_AFTER = 0.5, 0.3  # seconds, and the part by which each page varies it; htmx's own numbers
LONGEST_PAUSE = 5.0  # seconds between two tries to reconnect, as our page has it
SEEN_BEFORE_GROWTH = 200  # connections that fill what a server makes once, before memory is compared
AT_THE_DOOR = 50  # newcomers at the same time
TURNS = 9  # of all reading and some not
TALKERS = 25
LONG_MESSAGES, LETTERS = 100.0, 1_500  # how many a second, and how long each of them is

Figures = dict[str, float]


async def fan_out(server: Server, lines: Sequence[Line], talkers: int, seconds: float) -> Figures:
    """Deliveries a second of the clock and of the server's own time, and microseconds of that for each."""
    conversation = Conversation(server.chat.manners, lines, talkers)
    conversation.begin()
    await asyncio.sleep(SETTLING)
    before, delivered = server.usage(), conversation.deliveries
    await asyncio.sleep(seconds)
    after, delivered = server.usage(), conversation.deliveries - delivered
    fall_silent(lines)
    await asyncio.sleep(SETTLING)
    assert delivered, f"{server.chat.name} delivers nothing"
    return rates(delivered, before, after) | {"microseconds": (after.server - before.server) / delivered * 1e6}


async def pairs_talking(server: Server, pairs: int, seconds: float) -> Figures:
    """Messages between strangers a second of the clock and of the server's own time. Each pair has one on its way."""
    manners = small_rooms_of(server)
    talks = [await manners.meet(server.port_for, pair) for pair in range(pairs)]
    exchange = Exchange(manners, talks)
    exchange.begin()
    await asyncio.sleep(SETTLING)
    before, done = server.usage(), exchange.messages
    await asyncio.sleep(seconds)
    after, done = server.usage(), exchange.messages - done
    hang_up(line for talk in talks for line in talk)
    assert done, "no pair talks"
    return rates(done, before, after) | {"microseconds": (after.server - before.server) / done * 1e6}


async def small_rooms(server: Server, rooms: int, size: int, seconds: float) -> Figures:
    """The figures of rooms of so many members, all of whom talk."""
    manners = small_rooms_of(server)
    lines = [line for room in range(rooms) for line in await manners.share_a_room(server.port_for, room, size)]
    figures = await fan_out(server, lines, len(lines), seconds)
    hang_up(lines)
    return figures


def small_rooms_of(server: Server) -> SmallRooms:
    """How to be few in one of many rooms of a chat that has such."""
    manners = server.chat.manners
    assert isinstance(manners, JsonManners | OurManners)
    return manners


def rates(done: int, before: Usage, after: Usage) -> Figures:
    """How much was done a second, and what that took."""
    clock, server = after.clock - before.clock, after.server - before.server
    return {"per_second": done / clock, "per_cpu_second": done / server if server else 0.0} | _shares(before, after)


def _shares(before: Usage, after: Usage) -> Figures:
    """How busy the server and the load were, and what others took of the two cores, in parts of one core."""
    clock = after.clock - before.clock
    server, driver = after.server - before.server, after.load - before.load
    others = after.machine - before.machine - server - driver
    return {"server": server / clock, "load": driver / clock, "others": max(0.0, others / clock)}


async def crowds(server: Server, sizes: Sequence[int], seconds: float) -> Figures:
    """Microseconds of the server's time for each delivery, for one talker among ever more members."""
    figures: Figures = {}
    lines: list[Line] = []
    for size in sizes:
        lines += await gather_guests(server, size - len(lines), first=len(lines))
        await asyncio.sleep(2 * SETTLING)  # notices of the joins are gathered for a second
        figures[str(size)] = (await fan_out(server, lines, 1, seconds))["microseconds"]
    hang_up(lines)
    return figures


async def delay(server: Server, lines: Sequence[Line], talkers: int, rate: float, seconds: float) -> Figures:
    """From a message's sending to its last receiver, in ms, with `rate` messages a second at random moments."""
    before = server.usage()
    delays = await measure_delays(server, lines, talkers, rate, seconds)
    return {"p50": _percentile(delays, 50), "p99": _percentile(delays, 99), **_shares(before, server.usage())}


async def measure_delays(
    server: Server, lines: Sequence[Line], talkers: int, rate: float, seconds: float, letters: int = 0
) -> list[float]:
    """The delay of each message, in seconds."""
    chance, loop = random.Random(5), asyncio.get_running_loop()
    speakers = spread_over(lines, talkers)
    sent: dict[bytes, float] = {}
    missing: dict[bytes, int] = {}
    delays: list[float] = []

    def hear(line: Line, data: bytes) -> None:
        for mark in NUMBERED.findall(data):
            missing[mark] -= 1
            if not missing[mark]:
                delays.append(loop.time() - sent[mark])

    for line in lines:
        line.hear = hear
    due = loop.time()
    end = due + seconds
    for number in count():
        due += chance.expovariate(rate)
        if due > end:
            break
        await asyncio.sleep(due - loop.time())
        mark = str(number).encode()
        # From the moment it was due: a load that lags must not make a server look fast.
        sent[mark], missing[mark] = due, len(lines)
        server.chat.manners.say(speakers[number % talkers], text_with(f"~~{number}~", letters))
    await until(lambda: len(delays) == len(sent), "messages are lost")
    fall_silent(lines)
    return delays


def _percentile(delays: Sequence[float], percent: int) -> float:
    """In ms."""
    return sorted(delays)[len(delays) * percent // 100] * 1e3


async def slow_readers(server: Server, number: int, seconds: float) -> Figures:
    """p99 of the delay in ms for those who read, while all do and while one in a hundred does not; how many are cut.

    Both are measured by turns, of which each has a p99 and the median counts: the machine is not the same from one
    minute to the next. Messages are long, so that those who do not read fill their buffers.
    """
    lines = await gather_guests(server, number)
    slow = number // 100
    readers, stopped = lines[slow:], lines[:slow]
    alone, beside = list[float](), list[float]()  # the p99 of each turn
    await measure_delays(server, readers, TALKERS, LONG_MESSAGES, SETTLING, LETTERS)
    before = server.usage()
    for _ in range(TURNS):
        alone.append(_percentile(await measure_delays(server, readers, TALKERS, LONG_MESSAGES, seconds, LETTERS), 99))
        for line in stopped:
            line.stop_reading()
        beside.append(_percentile(await measure_delays(server, readers, TALKERS, LONG_MESSAGES, seconds, LETTERS), 99))
        for line in stopped:
            line.read_on()
        await asyncio.sleep(SETTLING)
    figures = {"alone": median(alone), "beside": median(beside)}
    figures["added"] = 100 * (figures["beside"] / figures["alone"] - 1)
    cut = sum(not line.is_open for line in stopped)
    hang_up(lines)
    return {**figures, "cut": cut, "stopped": slow, "others": _shares(before, server.usage())["others"]}


async def idle(server: Server, number: int, seconds: float) -> Figures:
    """Memory of each idle connection in KiB, how many are held, and what holding them costs."""
    few = await gather_guests(server, min(number // 2, SEEN_BEFORE_GROWTH))
    resident = server.resident()
    lines = few + await gather_guests(server, number - len(few), first=len(few))
    await asyncio.sleep(2 * SETTLING)
    grown = server.resident() - resident
    before = server.usage()
    await asyncio.sleep(seconds)
    after = server.usage()
    held = sum(line.is_open for line in lines)
    hang_up(lines)
    return {"held": held, "kib": grown / 1024 / (number - len(few)), **_shares(before, after)}


async def matches(server: Server, pairs: int) -> Figures:
    """Pairs a second: all seek at once, and each must be told on its socket whom it has met."""
    lines = await some_at_a_time(2 * pairs, lambda guest: at_the_door(server.port_for(guest)))
    told = [line.sees(b"You are talking with") for line in lines]
    before = server.usage()
    for number, line in enumerate(lines):
        line.say(json.dumps({"do": "seek", "name": f"Guest{number}", "agreed": "yes"}))
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*told)
    after = server.usage()
    hang_up(lines)
    return rates(pairs, before, after)


async def cut_and_resume(server: Server, number: int) -> Figures:
    """Seconds until all are back where they were after every socket was cut at once, and how many were lost."""
    chance, manners = random.Random(5), OurManners()
    pages = [await load(server.port, "/lobby") for _ in range(number)]

    async def come(each: int) -> Line:
        line = await pages[each].connect(server.port)
        await manners.enter(line, each)
        return line

    witness = await manners.come(server.port, number)
    lines = await some_at_a_time(number, come)
    loop = asyncio.get_running_loop()
    began = loop.time()
    hang_up(lines)
    heard = witness.sees(MARK)
    manners.say(witness, text_with("~~1~"))  # all who come back must see this
    await heard
    back = await asyncio.gather(*(_come_back(server, page, chance) for page in pages))
    took = loop.time() - began
    hang_up([witness, *(line for line, _ in back)])
    return {"seconds": took, "lost": sum(not is_back for _, is_back in back)}


async def _come_back(server: Server, page: Page, chance: random.Random) -> tuple[Line, bool]:
    """Reconnect as htmx does, and look whether the talk goes on with what was said meanwhile."""
    pause, jitter = RECONNECT_AFTER
    while True:
        await asyncio.sleep(pause * (1 + chance.uniform(-jitter, jitter)))
        try:
            line = await page.connect(server.port, "&talking=1&room=lobby&seq=")
        except Broken:
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        return line, MARK in await line.sees(IN_A_TALK)


async def newcomers(server: Server, seconds: float) -> Figures:
    """New visitors a second: a page, a socket, and entered."""
    numbers, lines = count(), list[Line]()
    before = server.usage()

    async def keep_coming() -> None:
        while asyncio.get_running_loop().time() < before.clock + seconds:
            number = next(numbers)
            lines.append(await server.chat.manners.come(server.port_for(number), number))

    await asyncio.gather(*(keep_coming() for _ in range(AT_THE_DOOR)))
    after = server.usage()
    hang_up(lines)
    return rates(len(lines), before, after)
