"""`python -m bench` measures everything and writes docs/performance.md.

`--quick` measures less and only prints. `--beside REF` measures this chat beside what it was at a commit, by turns, and
prints both; `--only WORDS` keeps the rows whose name holds them.
"""

import asyncio
import os
import resource
import time
from argparse import ArgumentParser, Namespace

import uvloop

from bench.beside import Comparison
from bench.report import Report, write
from bench.rounds import FULL, QUICK, Benchmark
from bench.servers import LOAD_CORE


def main() -> None:
    """Measure from the core that no server is on, with as many sockets as the system allows."""
    chosen = arguments()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {LOAD_CORE})
    size = QUICK if chosen.quick else FULL
    began = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if chosen.beside:
            print(runner.run(Comparison(chosen.beside, size, chosen.only).run()))
            return
        rounds = runner.run(Benchmark(size).run())
    report = Report.of(rounds, minutes=(time.monotonic() - began) / 60)
    print(report.bars())
    if not chosen.quick:
        write(report)


def arguments() -> Namespace:
    """What was asked for on the command line."""
    parser = ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true", help="measure less, and only print")
    parser.add_argument("--beside", metavar="REF", default="", help="compare with an earlier commit")
    parser.add_argument("--only", metavar="WORDS", default="", help="of these, the rows whose name holds WORDS")
    return parser.parse_args()


if __name__ == "__main__":
    main()
