"""Every coroutine at once, with the stock client: none may be lost."""

import json
import subprocess
import sys
from typing import Any

from bench.processes import environment
from bench.stage import Stage
from bench.subjects.gateway import REPOSITORY

SECONDS_PER_REQUEST = 0.05
LEAST_TIMEOUT_S = 120


def measure_burst(stage: Stage) -> dict[str, Any]:
    """{"requests", "failed", "seconds", "faults"}."""
    url, requests = f"{stage.gateway.base_url}/v1", stage.effort.burst
    argv = [sys.executable, "-m", "bench.clients.burst", url, str(requests)]
    done = subprocess.run(
        stage.cores.pin(argv, stage.cores.load),
        cwd=REPOSITORY,
        env=environment(OPENAI_API_KEY=stage.gateway.key),
        capture_output=True,
        text=True,
        check=True,
        timeout=LEAST_TIMEOUT_S + requests * SECONDS_PER_REQUEST,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
