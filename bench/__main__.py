"""`python -m bench` measures everything and writes docs/performance.md; `--quick` measures less, and only prints."""

import asyncio
import os
import resource
import sys
import time

import uvloop

from bench.report import Report, write
from bench.rounds import FULL, QUICK, Benchmark
from bench.servers import LOAD_CORE


def main() -> None:
    """Measure from the core that no server is on, with as many sockets as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {LOAD_CORE})
    quick = "--quick" in sys.argv
    began = time.monotonic()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rounds = runner.run(Benchmark(QUICK if quick else FULL).run())
    report = Report.of(rounds, minutes=(time.monotonic() - began) / 60)
    print(report.bars())
    if not quick:
        write(report)


if __name__ == "__main__":
    main()
