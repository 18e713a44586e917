"""What the routes of one simulated engine share."""

from __future__ import annotations

import os
from typing import Any

from slurm.simulator.engine import ENGINE_FAILURE, Engine, Job
from slurm.simulator.errors import ApiError
from slurm.simulator.options import Options

VERSION = "0.32.0"  # of the vLLM that is imitated


class State:
    """The engine, how it was started, and the responses it keeps (`store`)."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.engine = Engine(options.max_num_seqs)
        self.responses: dict[str, dict[str, Any]] = {}
        # What had been said when each of them was over, by its id.
        self.talks: dict[str, list[Any]] = {}
        self._requests = 0

    def admit(self, job: Job) -> None:
        """Before a job's first byte: count it, and fail if this one is to fail."""
        if self._requests == self.options.die_after:
            os._exit(1)
        self._requests += 1
        if job.faults.fail_with is not None:
            raise ApiError(ENGINE_FAILURE, status=job.faults.fail_with)


def new_id() -> str:
    """Sixteen hexadecimal digits, as vLLM's ids have."""
    return os.urandom(8).hex()
