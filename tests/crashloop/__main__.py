"""`python -m tests.crashloop --loops 200 --seed 1`: one line of JSON, exit code 1 if it is bad."""

import argparse
import logging
import signal
import sys
import tempfile
from pathlib import Path

from tests.crashloop.running import Run
from tests.integration.kit import running_kit

# Most of a crash is waiting; with more than these a small machine makes it working.
LANES = 3


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.crashloop")
    parser.add_argument("--loops", type=int, default=200, help="crashes in all")
    parser.add_argument("--seed", type=int, default=20261120, help="gives the same order again")
    parser.add_argument("--lanes", type=int, default=LANES, help="gateways side by side")
    given = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO, stream=sys.stderr)
    for chatty in ("httpx", "openai"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # As for Ctrl-C: the cluster and the gateways are stopped.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="kscope-crashloop-") as folder, running_kit() as slurm:
        run = Run(slurm, Path(folder), given.loops, given.seed, given.lanes, patient=True)
        tally = run.crash()
    print(tally.line())
    sys.exit(not tally.is_good)


if __name__ == "__main__":
    main()
