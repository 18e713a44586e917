"""One run: a gateway, two engines, a crowd; then the accounts are compared."""

import random
import time
from pathlib import Path

from tests.accounting.asks import ASKERS, MIXED, STRANGER, WHOLE, draw
from tests.accounting.client import Crowd
from tests.accounting.engines import addresses, counted
from tests.accounting.tally import Tally, verdict
from tests.embedded.accounts import written
from tests.gateway_process import Gateway
from tests.local_gateway import end_jobs
from tests.waiting import wait_until
from web.usage.periods import By

WORKERS = 2


def entry(model: str) -> dict[str, object]:
    return {
        "name": model,
        "path": model,
        "command": "python3 -m slurm.simulator",
        "engine_args": {"startup-seconds": 0.1},
        "min_instances": 1,
        "max_instances": 1,
    }


def run(folder: Path, requests: int, seed: int = 5) -> dict:
    """Raises AssertionError if it could not be run; `wrong` of the result names disagreements."""
    gateway = Gateway(folder, [entry(WHOLE), entry(MIXED)], {"WEB_CONCURRENCY": str(WORKERS)})
    try:
        gateway.start()
        keys = {user: gateway.cli("keys", "create", "--user", user).strip() for user in ASKERS}
        keys[STRANGER] = "sk-kscope-of-a-stranger"
        gateway._key = keys[ASKERS[0]]
        for model in (WHOLE, MIXED):
            wait_until(lambda m=model: gateway.model(m)["state"] == "ready", 60, f"{model} ready")
        return _measured(gateway, keys, requests, seed)
    finally:
        gateway.kill9()
        end_jobs(gateway)


def _measured(gateway: Gateway, keys: dict[str, str], requests: int, seed: int) -> dict:
    engines = addresses(gateway)
    # The workers' proofs of life are in there.
    before = {model: counted(address) for model, address in engines.items()}
    tally, chance = Tally(), random.Random(seed)
    crowd = Crowd(gateway.port, keys, tally.told)
    started = time.monotonic()
    crowd.ask_all(draw(chance) for _ in range(requests))
    seconds = time.monotonic() - started
    gateway.stop()
    wait_until(lambda: not any(counted(each).running for each in engines.values()), 30, "rest")
    after = {model: counted(each).since(before[model]) for model, each in engines.items()}
    told = verdict(tally, written(gateway, By.USER, By.MODEL), after)
    rate = round(requests / seconds)
    return {"requests": requests, "seconds": round(seconds, 1), "per_second": rate, **told}
