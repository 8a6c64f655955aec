"""What was measured as tables and a chart: all between the markers in docs/performance.md comes from here."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.chart import Group, Row, draw
from bench.machine import machine, versions
from bench.rounds import AT_ONCE, ONE, STORE, TWO, Rounds
from bench.scenarios import TALKERS
from bench.servers import CHATS, FASTAPI, OURS, PICOWS, WEBSOCKETS

DOCS = Path(__file__).resolve().parents[1] / "docs"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
MANY, SINGLE = f"fan-out {TALKERS}", "fan-out 1"


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
        packages = dict.fromkeys(package for chat in CHATS for package in chat.packages)
        return cls(rounds, machine(), versions(packages), f"{datetime.now(UTC):%Y-%m-%d}", round(minutes))

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
        rows = sorted(CHATS, key=lambda chat: -self.figure(MANY, chat.name, "per_second"))
        return table(heads, (self._peer(chat.name) for chat in rows))

    def crowds(self) -> str:
        """The table of one delivery's cost in rooms of several sizes."""
        sizes = self.rounds["crowds"][OURS.name][0]
        costs = [f"{self.figure('crowds', OURS.name, size):.2f} µs" for size in sizes]
        return table(["members", *(f"{int(size):,}" for size in sizes)], [["a delivery's CPU", *costs]])

    def sharing(self) -> str:
        """The table of one process beside two."""
        heads = ["", "deliveries a second", "a CPU second", "p50", "p99", "messages of pairs a second"]
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
                heading, [Row(chat.name, self.figure(fan_out, chat.name, "per_second"), chat is OURS) for chat in CHATS]
            )
            for heading, fan_out in ((f"{TALKERS} members talking", MANY), ("one member talking", SINGLE))
        ]
        return draw("Deliveries a second to 500 members, each server on one core", groups)

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

    def _times(self, scenario: str, peer: str) -> float:
        return self.figure(scenario, OURS.name, "per_second") / self.figure(scenario, peer, "per_second")

    def _beside_peers(self) -> list[Bar]:
        p99 = self.figure("delay", OURS.name, "p99") / self.figure("delay", FASTAPI.name, "p99")
        return [
            Bar(f"deliveries a second, {TALKERS} talking, to FastAPI's", 10, self._times(MANY, FASTAPI.name), " x"),
            Bar("the same, to that of `websockets`", 8, self._times(MANY, WEBSOCKETS.name), " x"),
            Bar(
                "deliveries a second, one talking, to that of `websockets`",
                1.2,
                self._times(SINGLE, WEBSOCKETS.name),
                " x",
            ),
            Bar("the same, to that of picows", 0.9, self._times(SINGLE, PICOWS.name), " x"),
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
            Bar("memory of an idle connection", 48, ours("idle", "kib"), " KiB", at_most=True),
            Bar("idle connections held", 10_000, ours("idle", "held"), ""),
            Bar("CPU of holding them", 10, 100 * ours("idle", "server"), " % of a core", at_most=True),
            Bar("pairs matched and told a second", 1_500, ours("matches", "per_second"), ""),
            Bar("a claim with 100,000 waiting, to one with 100", 1.5, claims[-1] / claims[0], " x", at_most=True),
            Bar("2,000 sockets cut at once, all back", 15, ours("cut", "seconds"), " s", at_most=True),
            Bar("lost of them", 0, ours("cut", "lost"), "", at_most=True),
            Bar("newcomers a second: page, socket, entered", 300, ours("newcomers", "per_second"), ""),
        ]

    def _shared(self) -> list[Bar]:
        def of_two(scenario: str) -> float:
            return self.figure(scenario, TWO, "per_second")

        one, two = (self.figure("shared fan-out", name, "per_cpu_second") for name in (ONE, TWO))
        added = self.figure("shared delay", TWO, "p50") - self.figure("shared delay", ONE, "p50")
        entries = self.figure(f"store {AT_ONCE[1]}", STORE, "per_second")
        return [
            Bar("pairs matched a second across two processes on Redis, a core each", 3_000, of_two("matches"), ""),
            Bar("messages of pairs a second across two processes, the same", 3_000, of_two("pairs"), ""),
            Bar("deliveries for a CPU second, the store's included, to one process in memory", 0.8, two / one, " x"),
            Bar(f"entries a second that one Redis takes, {AT_ONCE[1]} in a call", 60_000, entries, ""),
            Bar("delay that Redis adds, p50", 2, added, " ms", at_most=True),
        ]

    def _peer(self, name: str) -> list[str]:
        many, single = (f"{self.figure(fan_out, name, 'per_second'):,.0f}" for fan_out in (MANY, SINGLE))
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
        pairs = self.figure("pairs", OURS.name if name == ONE else name, "per_second")
        return [name, *rates, *delays, f"{pairs:,.0f}"]


def write(report: Report) -> None:
    """Put the results into docs/performance.md, its chart and its data beside it."""
    page = DOCS / "performance.md"
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    parts = [report.conditions(), report.bars(), report.peers(), report.crowds(), report.sharing(), report.store()]
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
