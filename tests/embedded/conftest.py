"""The gateway on its embedded default: SQLite, local jobs, the simulated engine."""

from contextlib import ExitStack
from itertools import count

import pytest

from tests.gateway_process import Gateway
from tests.local_gateway import running

MODEL = "demo"
ENTRY = {
    "name": MODEL,
    "aliases": ["demo-alias"],
    "path": "demo",
    "command": "python3 -m slurm.simulator",
    "engine_args": {"startup-seconds": 0.5, "max-model-len": 2048},
}


@pytest.fixture
def make_gateway(tmp_path):
    """Starts gateways with the given entries of models.yaml; stops them and their jobs."""
    with ExitStack() as made:
        numbers = count()

        def make(*entries: dict, **env: str) -> Gateway:
            folder = tmp_path / f"gateway{next(numbers)}"
            return made.enter_context(running(Gateway(folder, entries or (ENTRY,), env)))

        yield make


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One gateway for the tests of a module that leave it as they found it, its model warm."""
    with running(Gateway(tmp_path_factory.mktemp("gateway"), (ENTRY,))) as gateway:
        gateway.client(max_retries=20).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "warm up"}], max_tokens=1
        )
        yield gateway
