"""What one measurement leaves behind must not be measured by the next."""

import re

from bench.processes import wait_until
from bench.stage import Stage
from bench.upstream.answers import HOLD_S

RUNNING = re.compile(rb"num_requests_running (\d+)")


def running_at_upstream(stage: Stage) -> int:
    """How many answers the upstream still owes; -1 when it does not tell."""
    found = RUNNING.search(stage.direct.get("/metrics")[1])
    return int(found[1]) if found else -1


def wait_quiet(stage: Stage) -> None:
    """Return once the upstream owes nobody an answer. Raises NotReached."""
    wait_until(lambda: running_at_upstream(stage) == 0, 2 * HOLD_S, "the upstream is idle")
