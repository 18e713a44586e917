"""One look at the queue for all lanes: the machine is small, and a look is a process."""

import threading
import time

from slurm.script import JOB_NAME_PREFIX
from tests.crashloop.comparing import Job, same_name
from tests.integration.kit import SlurmKit

MIN_AGE_S = 0.2


class Squeue:
    """The gateways' live jobs, at most `MIN_AGE_S` old; remembers every twin it ever saw."""

    def __init__(self, slurm: SlurmKit) -> None:
        self._slurm = slurm
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._jobs: tuple[Job, ...] = ()
        self.twins: set[str] = set()

    def live(self) -> tuple[Job, ...]:
        with self._lock:
            if time.monotonic() - self._looked_at > MIN_AGE_S:
                found = self._slurm.live_jobs()
                ours = [job for job in found if job["name"].startswith(JOB_NAME_PREFIX)]
                self._jobs = tuple(Job(job["id"], job["name"], job["state"]) for job in ours)
                self._looked_at = time.monotonic()
                self.twins.update(same_name(self._jobs))
            return self._jobs
