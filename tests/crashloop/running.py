"""Several gateways at once on one cluster: most of a crash is waiting for a dead leader's lock."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from tests.crashloop.comparing import Difference, compare
from tests.crashloop.lane import Disagreement, Lane
from tests.crashloop.squeue import Squeue
from tests.crashloop.steps import Crash, crashes
from tests.crashloop.tally import Tally
from tests.integration.kit import SlurmKit
from tests.integration.serving import simulated

Life = tuple[Crash, ...]

log = logging.getLogger(__name__)


class Run:
    """`folder` holds the lanes' data; `lives` are shared out among the lanes."""

    def __init__(self, slurm: SlurmKit, folder: Path, lives: Iterator[Life], loops: int) -> None:
        self.tally = Tally(loops)
        self._slurm = slurm
        self._squeue = Squeue(slurm)
        self._folder = folder
        self._lives = lives
        self._model = simulated(slurm)
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []

    def crash(self, lanes: int, seed: int, *, patient: bool) -> Tally:
        """`patient`: see what becomes of every intent at the end."""
        started = time.monotonic()
        try:
            with ThreadPoolExecutor(lanes) as pool:
                chances = [random.Random(f"{seed}-{number}") for number in range(lanes)]
                list(pool.map(lambda chance: self._drive(chance, patient=patient), chances))
            self._look_for_strangers()
        finally:
            self._lives = iter(())
            for lane in self._lanes:
                lane.close()
        self.tally.seconds = time.monotonic() - started
        return self.tally

    def _drive(self, chance: random.Random, *, patient: bool) -> None:
        """One lane after the other until there is nothing left to do: a new one when one fails."""
        while (life := self._next_life()) is not None:
            lane = self._new_lane(chance)
            try:
                lane.start()
                while life is not None:
                    self._live(lane, life)
                    life = self._next_life()
                lane.finish(patient=patient)
            except Exception as error:
                self._note(error, lane)
                lane.close()

    def _live(self, lane: Lane, life: Life) -> None:
        slow = any(crash.while_it_starts for crash in life)
        slow = slow and all(crash.failpoint != "ready.written" for crash in life)
        for crash in life:
            started = time.monotonic()
            try:
                lane.crash(crash, slow=slow)
            finally:
                with self._lock:
                    self.tally.count(crash.failpoint)
            took_s = time.monotonic() - started
            log.info("%d: %s %s: %.1f s", self.tally.loops, crash.failpoint, crash.way, took_s)

    def _next_life(self) -> Life | None:
        with self._lock:
            return next(self._lives, None)

    def _new_lane(self, chance: random.Random) -> Lane:
        with self._lock:
            folder = self._folder / f"lane-{len(self._lanes) + 1}"
            lane = Lane(self._slurm, self._squeue, folder, self._model, chance)
            self._lanes.append(lane)
            return lane

    def _note(self, error: Exception, lane: Lane) -> None:
        difference = error.difference if isinstance(error, Disagreement) else Difference()
        log.error("%r\n%s", error, lane.gateway.log_tail(), exc_info=error)
        with self._lock:
            self.tally.differ(f"{type(error).__name__}: {error}"[:1000], difference)

    def _look_for_strangers(self) -> None:
        """At the end of it all: jobs that are in nobody's database, and twins seen on the way."""
        jobs = self._squeue.live()
        difference = compare(jobs, [row for lane in self._lanes for row in lane.rows()])
        if difference:
            self.tally.differ(f"at the end: {difference}", difference)
        for twin in self._squeue.twins:
            self.tally.differ(twin, Difference(twins=(twin,)))


def lives(seed: int, loops: int) -> Iterator[Life]:
    """Seeded: so many crashes in all, two in each life, the last life perhaps with one."""
    pairs = crashes(random.Random(seed))
    yield from islice(pairs, loops // 2)
    yield from ((first,) for first, _ in islice(pairs, loops % 2))
