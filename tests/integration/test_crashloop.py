"""The gateway dies at each named moment once. `make crashloop` does the same for longer, and has
the patience for what takes a minute: a queued job whose scancel was cut off, the end of an intent
whose sbatch was."""

from collections import Counter
from pathlib import Path

from tests.crashloop.running import Run
from tests.integration.kit import SlurmKit
from web.failpoints import NAMES

SEED = 1
# Two lives for each: most of their time is waiting.
LANES = 4


def test_killed_at_each_failpoint_squeue_and_the_database_agree(slurm: SlurmKit, tmp_path: Path):
    run = Run(slurm, tmp_path, len(NAMES), SEED, LANES, patient=False)

    tally = run.crash()

    assert tally.is_good, tally.line()
    assert tally.failpoints == Counter(NAMES)
