"""Several gateways at once on one cluster: most of a crash is waiting for a dead leader's lock."""

import logging
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.crashloop.comparing import Difference, compare
from tests.crashloop.lane import CLOSED_PARTITION, Disagreement, Lane
from tests.crashloop.squeue import Squeue
from tests.crashloop.steps import Life, lives
from tests.crashloop.tally import Tally
from tests.integration.kit import SlurmKit
from tests.integration.serving import simulated

# Whoever reads more of them than these has seen enough.
MOST_DISAGREEMENTS = 5

log = logging.getLogger(__name__)


class Run:
    """So many crashes by `lanes` gateways; `folder` holds their data, `seed` repeats their order.

    `patient`: also what takes a minute to be decided at the end.
    """

    def __init__(
        self, slurm: SlurmKit, folder: Path, loops: int, seed: int, lanes: int, *, patient: bool
    ) -> None:
        self._slurm = slurm
        self._squeue = Squeue(slurm, self._job_names)
        self._folder = folder
        self._lives: Iterator[Life] = lives(seed, loops)
        self._chances = [random.Random(f"{seed}-{number}") for number in range(lanes)]
        self._patient = patient
        self._model = simulated(slurm)
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._tally = Tally(loops)

    def crash(self) -> Tally:
        started = time.monotonic()
        _make_closed_partition(self._slurm)
        try:
            self._drive_all()
            self._look_back()
        finally:
            for lane in self._lanes:
                lane.close()
        self._tally.seconds = time.monotonic() - started
        return self._tally

    def _drive_all(self) -> None:
        with ThreadPoolExecutor(len(self._chances)) as pool:
            try:
                list(pool.map(self._drive, self._chances))
            finally:
                # Interrupted: each lane ends with the life it is at.
                self._lives, self._patient = iter(()), False

    def _drive(self, chance: random.Random) -> None:
        """One lane until there is nothing left to do; when it fails, another one goes on."""
        while (life := self._next_life()) is not None:
            lane = self._new_lane(chance)
            try:
                lane.start()
                while life is not None:
                    self._live(lane, life)
                    life = self._next_life()
                lane.finish(patient=self._patient)
            except Exception as error:
                self._note(error, lane)
                lane.close()

    def _live(self, lane: Lane, life: Life) -> None:
        for crash in life:
            started = time.monotonic()
            try:
                lane.crash(crash)
            finally:
                with self._lock:
                    self._tally.count(crash.failpoint)
            log.info("%d: %s: %.1f s", self._tally.loops, crash, time.monotonic() - started)

    def _next_life(self) -> Life | None:
        with self._lock:
            enough = len(self._tally.disagreements) >= MOST_DISAGREEMENTS
            return None if enough else next(self._lives, None)

    def _new_lane(self, chance: random.Random) -> Lane:
        with self._lock:
            folder = self._folder / f"lane-{len(self._lanes) + 1}"
            lane = Lane(self._slurm, self._squeue, folder, self._model, chance)
            self._lanes.append(lane)
            return lane

    def _note(self, error: Exception, lane: Lane) -> None:
        difference = error.difference if isinstance(error, Disagreement) else Difference()
        log.error("%s", lane.gateway.log_tail(), exc_info=error)
        with self._lock:
            self._tally.differ(f"{type(error).__name__}: {error}"[:1000], difference)

    def _job_names(self) -> set[str]:
        return {name for lane in tuple(self._lanes) for name in lane.job_names()}

    def _look_back(self) -> None:
        """What is left at the end of it all, and what was seen on the way."""
        jobs = self._squeue.live()
        left = compare(jobs, [row for lane in self._lanes for row in lane.rows()])
        if left:
            self._tally.differ(f"at the end: {left}", left)
        for twin in self._squeue.twins.union(*(lane.twins for lane in self._lanes)):
            self._tally.differ(twin, Difference(twins=(twin,)))
        for stranger in self._squeue.strangers:
            self._tally.differ(f"nobody knows {stranger}", Difference(orphans=(stranger,)))


def _make_closed_partition(slurm: SlurmKit) -> None:
    """A partition where jobs wait; it goes with the cluster's next start."""
    options = [f"PartitionName={CLOSED_PARTITION}", "Nodes=ALL", "State=DOWN"]
    # That of an earlier run will do.
    with suppress(subprocess.CalledProcessError):
        slurm.daemons.run("scontrol", "create", *options)
