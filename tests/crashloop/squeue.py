"""One look at the queue for all lanes: the machine is small, and a look is a process."""

import threading
import time
from collections.abc import Callable, Collection

from slurm.script import JOB_NAME_PREFIX
from tests.crashloop.comparing import Job, same_name
from tests.integration.kit import SlurmKit

MIN_AGE_S = 0.2


class Squeue:
    """The gateways' live jobs, at most `MIN_AGE_S` old. What must not be seen even for a moment is
    kept: `twins`, and `strangers`, which are jobs with a name that `known` does not tell."""

    def __init__(self, slurm: SlurmKit, known: Callable[[], Collection[str]]) -> None:
        self._slurm = slurm
        self._known = known
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._jobs: tuple[Job, ...] = ()
        self.twins: set[str] = set()
        self.strangers: set[str] = set()

    def live(self) -> tuple[Job, ...]:
        with self._lock:
            if time.monotonic() - self._looked_at > MIN_AGE_S:
                self._jobs = self._look()
                self._looked_at = time.monotonic()
                self.twins.update(same_name(self._jobs))
                # Asked after squeue: the intent of each of its jobs was written before.
                known = self._known()
                self.strangers.update(job.name for job in self._jobs if job.name not in known)
            return self._jobs

    def _look(self) -> tuple[Job, ...]:
        found = self._slurm.live_jobs()
        ours = [job for job in found if job["name"].startswith(JOB_NAME_PREFIX)]
        return tuple(Job(job["id"], job["name"], job["state"]) for job in ours)
