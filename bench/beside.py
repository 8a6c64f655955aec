"""The chat beside an earlier state of itself, by turns and in one run, so that other load meets both alike."""

import asyncio
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from statistics import median

from bench.crowd import gather_guests, hang_up
from bench.report import table
from bench.rounds import FEW, PAIRS, SLOWLY, WAITING, Size
from bench.scenarios import TALKERS, Figures, delay, fan_out, matches, newcomers, pairs_talking, small_rooms
from bench.servers import OURS, ROOT, Chat, Server, running, sharing

LONELY = 50  # people, each alone in a room
REQUIREMENTS = "requirements.txt"
CLAIM = "import sys; from bench.claims import claim_cost; print(claim_cost(int(sys.argv[1])))"

Measure = Callable[[Server, Size], Awaitable[Figures]]


async def busy_room(server: Server, size: Size) -> Figures:
    return await _room(server, size, TALKERS)


async def quiet_room(server: Server, size: Size) -> Figures:
    return await _room(server, size, 1)


async def _room(server: Server, size: Size, talkers: int) -> Figures:
    lines = await gather_guests(server, size.members)
    figures = await fan_out(server, lines, talkers, size.seconds)
    hang_up(lines)
    return figures


async def few(server: Server, size: Size) -> Figures:
    lines = await gather_guests(server, FEW)
    figures = await delay(server, lines, 1, SLOWLY, size.seconds)
    hang_up(lines)
    return figures


@dataclass(frozen=True, slots=True)
class Row:
    """One load: what it is called, how it is put on one process or on two with a store, and which figures count."""

    name: str
    measure: Measure
    figures: tuple[str, ...] = ("per_second", "per_cpu_second")
    shared: bool = False


ROWS = (
    Row("pairs talking", lambda server, size: pairs_talking(server, PAIRS, size.seconds)),
    Row("alone in a room", lambda server, size: small_rooms(server, LONELY, 1, size.seconds)),
    Row("busy room", busy_room),
    Row("quiet room", quiet_room),
    Row("newcomers", lambda server, size: newcomers(server, size.seconds)),
    Row("pairs matched", lambda server, size: matches(server, size.pairs)),
    Row("two processes: pairs talking", lambda server, size: pairs_talking(server, PAIRS, size.seconds), shared=True),
    Row("two processes: busy room", busy_room, shared=True),
    Row("two processes: pairs matched", lambda server, size: matches(server, size.pairs // 2), shared=True),
    Row("two processes: delay in ms", few, ("p50", "p99"), shared=True),
)
UNITS = {"per_second": "a second", "per_cpu_second": "a CPU second", "p50": "p50", "p99": "p99", "claim": "µs"}


class Comparison:
    """Every load on both, round after round; who comes first changes with each."""

    def __init__(self, reference: str, size: Size, only: str) -> None:
        self._reference = reference
        self._size = size
        self._rows = [row for row in ROWS if only in row.name]
        self._found: dict[tuple[str, str, str], list[float]] = {}
        self._others: list[float] = []

    async def run(self) -> str:
        """Measure, and put the medians side by side."""
        with checked_out(self._reference) as folder:
            there = replace(OURS, name=self._reference, folder=folder, python=python_for(folder))
            chats = [replace(OURS, name="here"), there]
            for number in range(self._size.rounds):
                print(f"round {number + 1} of {self._size.rounds}", flush=True)
                for row in self._rows:
                    for chat in chats if number % 2 else reversed(chats):
                        await self._measure(row, chat)
                for waiting in WAITING:
                    for chat in chats:
                        self._note(f"a claim with {waiting:,} waiting", chat, {"claim": await claim(chat, waiting)})
        return self._table()

    async def _measure(self, row: Row, chat: Chat) -> None:
        async with self._server(row, chat) as server:
            figures = await row.measure(server, self._size)
        self._others.append(figures["others"])
        self._note(row.name, chat, {figure: figures[figure] for figure in row.figures})

    @asynccontextmanager
    async def _server(self, row: Row, chat: Chat) -> AsyncIterator[Server]:
        async with sharing(2, apart=True, chat=chat) if row.shared else running(chat) as server:
            yield server

    def _note(self, row: str, chat: Chat, figures: Figures) -> None:
        print(f"  {row:30} {chat.name:10}", figures, flush=True)
        for figure, value in figures.items():
            self._found.setdefault((row, figure, chat.name), []).append(value)

    def _table(self) -> str:
        rows = []
        for row, figure in dict.fromkeys((row, figure) for row, figure, _ in self._found):
            here, there = (median(self._found[row, figure, name]) for name in ("here", self._reference))
            rows.append([f"{row}, {UNITS[figure]}", f"{there:,.4g}", f"{here:,.4g}", f"{here / there:.2f} x"])
        load = f"Other programs took {100 * median(self._others):.0f} % of a core meanwhile (median)."
        return f"{table(['measured', self._reference, 'here', 'here to there'], rows)}\n\n{load}"


@contextmanager
def checked_out(reference: str) -> Iterator[Path]:
    """The files of a commit, in a folder that is removed afterwards."""
    archive = subprocess.run(["git", "archive", reference], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
        yield Path(folder)


def python_for(folder: Path) -> str:
    """A Python with what a commit requires: our own, or that of an environment made once for those requirements."""
    wanted = (folder / REQUIREMENTS).read_bytes()
    if wanted == (ROOT / REQUIREMENTS).read_bytes():
        return sys.executable
    environment = ROOT / f".venv-beside-{sha256(wanted).hexdigest()[:12]}"
    python, installed = str(environment / "bin" / "python"), environment / ".installed"
    if not installed.exists():
        install = ("-m", "pip", "install", "--quiet", "--no-input", "--requirement", str(folder / REQUIREMENTS))
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        subprocess.run([python, *install], check=True, stderr=subprocess.DEVNULL)
        installed.touch()
    return python


async def claim(chat: Chat, waiting: int) -> float:
    """What finding a stranger costs by the chat's own bench/claims.py, in µs."""
    process = await asyncio.create_subprocess_exec(
        *(chat.python, "-c", CLAIM, str(waiting)), cwd=chat.folder, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    return float(told)
