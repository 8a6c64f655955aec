"""What was measured as tables and a chart: all between the markers in docs/performance.md comes from here."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench import programs
from bench.chart import Group, Row, draw
from bench.machine import machine, versions
from bench.rounds import AT_ONCE, ONE, ONE_SHARED, STORE, TWO, Rounds
from bench.scenarios import TALKERS
from bench.servers import FASTAPI, GORILLA, OURS, PICOWS, WEBSOCKETS, Chat, all_chats, chats_with_rooms

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
MANY, SINGLE = f"fan-out {TALKERS}", "fan-out 1"
RATE = "per_cpu_second"  # of the server, so that what else runs on the machine counts less


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should be, and what it is."""

    what: str
    bar: float
    found: float
    unit: str
    at_most: bool = False

    @property
    def is_met(self) -> bool:
        return self.found <= self.bar if self.at_most else self.found >= self.bar

    def cells(self) -> list[str]:
        aim = f"{'at most' if self.at_most else 'at least'} {_number(self.bar)}{self.unit}"
        return [self.what, aim, f"{_number(self.found)}{self.unit}", "yes" if self.is_met else "**no**"]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one run, and on what it was made."""

    rounds: Rounds
    machine: dict[str, str]
    versions: dict[str, str]
    made: str
    minutes: int

    @classmethod
    def of(cls, rounds: Rounds, minutes: float) -> "Report":
        packages = dict.fromkeys(package for chat in all_chats() for package in chat.packages)
        return cls(
            rounds, machine(), versions(packages) | programs.versions(), f"{datetime.now(UTC):%Y-%m-%d}", round(minutes)
        )

    def figure(self, scenario: str, name: str, what: str) -> float:
        """The median of all rounds."""
        return median(figures[what] for figures in self.rounds[scenario][name])

    def bars(self) -> str:
        """The table of what should be true."""
        cells = (bar.cells() for bar in (*self._beside_peers(), *self._alone(), *self._shared()))
        return table(["measured", "bar", "found", "met"], cells)

    def peers(self) -> str:
        """The table of all chats under the same load."""
        heads = ["", f"{TALKERS} talking", "one talking", "of a core", "µs each", "p50", "p99"]
        rows = sorted(all_chats(), key=lambda chat: -self.figure(MANY, chat.name, RATE))
        return table(heads, (self._peer(chat.name) for chat in rows))

    def small(self) -> str:
        """The table of pairs, rooms of five and idle connections."""
        heads = ["", "messages of pairs", "µs each", "deliveries to rooms of five", "µs each", "idle"]
        rows = sorted(chats_with_rooms(), key=lambda chat: -self.figure("pairs", chat.name, RATE))
        return table(heads, (self._small(chat.name) for chat in rows))

    def _small(self, name: str) -> list[str]:
        cells = [
            cell
            for scenario in ("pairs", "fives")
            for cell in (
                f"{self.figure(scenario, name, RATE):,.0f}",
                f"{self.figure(scenario, name, 'microseconds'):.1f}",
            )
        ]
        idle = f"{self.figure('few idle', name, 'kib'):.1f} KiB"
        return [f"**{name}**" if name == OURS.name else name, *cells, idle]

    def crowds(self) -> str:
        """The table of one delivery's cost in rooms of several sizes."""
        sizes = self.rounds["crowds"][OURS.name][0]
        costs = [f"{self.figure('crowds', OURS.name, size):.2f} µs" for size in sizes]
        return table(["members", *(f"{int(size):,}" for size in sizes)], [["a delivery's CPU", *costs]])

    def sharing(self) -> str:
        """The table of one process beside two."""
        heads = ["", "deliveries a second", "a CPU second", "p50", "p99", "messages of pairs a CPU second"]
        return table(heads, (self._share(name) for name in (ONE, TWO)))

    def store(self) -> str:
        """The table of what one store takes."""
        heads = ["entries in one call of the store", *map(str, AT_ONCE)]
        rates, costs = (
            [self.figure(f"store {at_once}", STORE, what) for at_once in AT_ONCE]
            for what in ("per_second", "microseconds")
        )
        rows = [["entries a second", *(f"{rate:,.0f}" for rate in rates)]]
        return table(heads, [*rows, ["the store's CPU for each", *(f"{cost:.1f} µs" for cost in costs)]])

    def chart(self) -> str:
        """Deliveries a second of all chats."""
        groups = [
            Group(
                heading,
                [Row(chat.name, self.figure(fan_out, chat.name, RATE), chat is OURS) for chat in all_chats()],
            )
            for heading, fan_out in ((f"{TALKERS} members talking", MANY), ("one member talking", SINGLE))
        ]
        return draw("Deliveries to 500 members for a second of the server's CPU", groups)

    def conditions(self) -> str:
        """One sentence on what all this was measured with."""
        of = self.machine
        noise = max(figures["others"] for name in (MANY, SINGLE, "delay") for figures in self._all(name))
        used = ", ".join(f"{package} {number}" for package, number in self.versions.items())
        return (
            f"Measured on {self.made} in {self.minutes} minutes: {of['processor']}, {of['cores']} cores, "
            f"{of['system']}, CPython {of['python']}; {used}."
            f" Other programs took at most {100 * noise:.0f} % of a core meanwhile."
        )

    def _all(self, scenario: str) -> Iterable[dict[str, float]]:
        return (figures for rounds in self.rounds[scenario].values() for figures in rounds)

    def _has(self, chat: Chat) -> bool:
        return chat.name in self.rounds[SINGLE]

    def _times(self, scenario: str, peer: str) -> float:
        return self.figure(scenario, OURS.name, RATE) / self.figure(scenario, peer, RATE)

    def _beside_peers(self) -> list[Bar]:
        p99 = self.figure("delay", OURS.name, "p99") / self.figure("delay", FASTAPI.name, "p99")
        return [
            Bar(
                "messages of 200 pairs, to those of `websockets`",
                1.2,
                self._times("pairs", WEBSOCKETS.name),
                " x",
            ),
            Bar("deliveries to rooms of five, the same", 2, self._times("fives", WEBSOCKETS.name), " x"),
            Bar(f"deliveries, {TALKERS} talking, to FastAPI's", 18, self._times(MANY, FASTAPI.name), " x"),
            Bar("the same, to that of `websockets`", 8, self._times(MANY, WEBSOCKETS.name), " x"),
            Bar(
                "deliveries, one talking, to that of `websockets`",
                1.2,
                self._times(SINGLE, WEBSOCKETS.name),
                " x",
            ),
            Bar("the same, to that of picows", 0.9, self._times(SINGLE, PICOWS.name), " x"),
            *(
                [Bar("the same, to that of Go", 1, self._times(SINGLE, GORILLA.name), " x")]
                if self._has(GORILLA)
                else []
            ),
            Bar("p99 to the last receiver at 60 % of FastAPI's most, to FastAPI's", 0.5, p99, " x", at_most=True),
        ]

    def _alone(self) -> list[Bar]:
        def ours(scenario: str, what: str) -> float:
            return self.figure(scenario, OURS.name, what)

        costs = [ours("crowds", size) for size in self.rounds["crowds"][OURS.name][0]]
        spread = 100 * (max(costs) / min(costs) - 1)
        slow = ours("slow readers", "added")
        waiting = self.rounds["claims"][OURS.name][0]
        claims = [ours("claims", number) for number in waiting]
        return [
            Bar("CPU of a delivery among 100 to 5,000 members, spread", 25, spread, " %", at_most=True),
            Bar("p99 of the others when one in a hundred reads nothing, added", 10, slow, " %", at_most=True),
            Bar("memory of an idle page that has entered", 12, ours("idle", "kib"), " KiB", at_most=True),
            Bar("idle connections held", 10_000, ours("idle", "held"), ""),
            Bar("CPU of holding them", 3, 100 * ours("idle", "server"), " % of a core", at_most=True),
            Bar("pairs matched and told for a CPU second", 1_500, ours("matches", RATE), ""),
            Bar("a claim with 100,000 waiting, to one with 100", 1.5, claims[-1] / claims[0], " x", at_most=True),
            Bar("2,000 sockets cut at once, all back", 1.5, ours("cut", "seconds"), " s", at_most=True),
            Bar("lost of them", 0, ours("cut", "lost"), "", at_most=True),
            Bar("restart, 2,000 people, 500 rooms of 200 messages", 10, ours("restart", "seconds"), " s", at_most=True),
            Bar("lost of them, people or messages", 0, ours("restart", "lost"), "", at_most=True),
            Bar("newcomers for a CPU second: page, socket, entered", 1_000, ours("newcomers", RATE), ""),
            Bar("start of a process to its first answer", 0.6, ours("start", "seconds"), " s", at_most=True),
        ]

    def _shared(self) -> list[Bar]:
        def of_two(scenario: str) -> float:
            return self.figure(scenario, TWO, RATE)

        of_one = self.figure("pairs", ONE_SHARED, RATE)
        one, two = (self.figure("shared fan-out", name, "per_cpu_second") for name in (ONE, TWO))
        added = self.figure("shared delay", TWO, "p50") - self.figure("shared delay", ONE, "p50")
        entries = self.figure(f"store {AT_ONCE[1]}", STORE, "per_second")
        return [
            Bar("pairs matched for a CPU second of two processes and their Redis", 3_000, of_two("matches"), ""),
            Bar("messages of pairs for a CPU second of one process and its Redis", 20_000, of_one, ""),
            Bar("the same, of two processes and their Redis", 20_000, of_two("pairs"), ""),
            Bar("deliveries for a CPU second, the store's included, to one process in memory", 0.8, two / one, " x"),
            Bar(f"entries a second that one Redis takes, {AT_ONCE[1]} in a call", 60_000, entries, ""),
            Bar("delay that Redis adds, p50", 2, added, " ms", at_most=True),
        ]

    def _peer(self, name: str) -> list[str]:
        many, single = (f"{self.figure(fan_out, name, RATE):,.0f}" for fan_out in (MANY, SINGLE))
        busy, each = (self.figure(MANY, name, what) for what in ("server", "microseconds"))
        delays = [
            _ms(self.figure("delay", name, what)) if name in self.rounds["delay"] else "" for what in ("p50", "p99")
        ]
        return [
            f"**{name}**" if name == OURS.name else name,
            many,
            single,
            f"{100 * busy:.0f} %",
            f"{each:.2f}",
            *delays,
        ]

    def _share(self, name: str) -> list[str]:
        rates = [f"{self.figure('shared fan-out', name, what):,.0f}" for what in ("per_second", "per_cpu_second")]
        delays = [_ms(self.figure("shared delay", name, what)) for what in ("p50", "p99")]
        pairs = self.figure("pairs", OURS.name if name == ONE else name, RATE)
        return [name, *rates, *delays, f"{pairs:,.0f}"]


def write(report: Report) -> None:
    """Put the results into docs/performance.md, its chart and its data beside it."""
    page = DOCS / "performance.md"
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    parts = [
        report.conditions(),
        report.bars(),
        report.peers(),
        report.small(),
        report.crowds(),
        report.sharing(),
        report.store(),
    ]
    page.write_text("\n\n".join([before + BEGIN, *parts, END + rest.partition(END)[2]]), "utf-8")
    (DOCS / "images" / "performance.svg").write_text(report.chart(), "utf-8")
    (DOCS / "performance.json").write_text(json.dumps(asdict(report), indent=1) + "\n", "utf-8")


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    ruler = ["---", *("---:" for _ in heads[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, ruler, *rows))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"


def _ms(value: float) -> str:
    return f"{value:.1f} ms"
