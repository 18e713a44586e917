"""`python -m bench`: start everything, measure, tell; nothing is left running, however it ends."""

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.cores import Cores, choose_cores
from bench.distribution import PartMissing
from bench.measures.memory import StreamsLost
from bench.plan import MEASUREMENTS, NAMES, Figures
from bench.processes import NotReached
from bench.report import ratios, table, write_results
from bench.stage import PEERS, Effort, running_stage, with_peers
from bench.subjects.gateway import PARTS
from bench.wrk import WrongAnswers

# 65,536: what the workload that this system is made for starts at once.
BURST, FULL_BURST = 10_000, 65_536
BUSY_LOAD = 0.7


def main() -> None:
    options = _options()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("bench: told to stop"))
    # A burst needs more sockets than a login shell's soft limit allows.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    cores = choose_cores()
    if cores.load is not None:
        os.sched_setaffinity(0, {cores.load})
    for warning in _warnings(cores):
        print(f"mind: {warning}", flush=True)
    load_before, started = os.getloadavg()[0], time.monotonic()
    try:
        figures = _measure(options, cores)
    except (NotReached, WrongAnswers, StreamsLost, PartMissing) as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    found = ratios(figures)
    print(table(figures, found))
    before = {"load_before": load_before, "without": options.without}
    write_results({**before, **figures}, found)
    print(f"took {time.monotonic() - started:.0f} s")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", type=_names(NAMES), default=NAMES, help=",".join(NAMES))
    parser.add_argument("--peers", type=_names(tuple(PEERS)), default=tuple(PEERS),
                        help=f"default: {','.join(PEERS)}")  # fmt: skip
    parser.add_argument("--no-peers", dest="peers", action="store_const", const=())
    parser.add_argument("--without", type=_names(PARTS), default=(),
                        help=f"leave out of the gateway: {','.join(PARTS)}")  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=4.0, help="of a round; default: 4")
    parser.add_argument(
        "--full", action="store_true", help=f"a burst of {FULL_BURST:,}, not {BURST:,}"
    )
    return parser.parse_args()


def _names(known: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(filter(None, text.split(",")))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(known)}")
        return names

    return parse


def _warnings(cores: Cores) -> list[str]:
    """What makes the figures of this run say little."""
    found = []
    if cores.load is None:
        found.append("one core only: proxy and load share it")
    if os.getloadavg()[0] > BUSY_LOAD:
        found.append(f"the machine is busy (load {os.getloadavg()[0]:.1f}): the figures are noisy")
    return found


def _measure(options: argparse.Namespace, cores: Cores) -> Figures:
    effort = Effort(options.rounds, options.seconds, FULL_BURST if options.full else BURST)
    chosen = [each for each in MEASUREMENTS if each.name in options.only]
    figures: Figures = {}
    with (
        tempfile.TemporaryDirectory(prefix="kscope-bench-") as folder,
        running_stage(Path(folder), cores, effort, options.without) as stage,
    ):
        for each in chosen:
            if not each.compares:
                _say(each.name)
                figures[each.name] = each.measure(stage)
        compared = [each for each in chosen if each.compares]
        with with_peers(stage, options.peers if compared else ()) as beside_peers:
            for each in compared:
                _say(each.name)
                figures[each.name] = each.measure(beside_peers)
    return figures


def _say(name: str) -> None:
    print(f"measuring {name} ...", flush=True)


if __name__ == "__main__":
    main()
