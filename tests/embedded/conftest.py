"""The gateway on its embedded default: SQLite, local jobs, the simulated engine."""

import pytest

from slurm.local import LocalCluster
from tests.gateway_process import Gateway

MODEL = "demo"
ENTRY = {
    "name": MODEL,
    "aliases": ["demo-alias"],
    "path": "demo",
    "command": "python3 -m slurm.simulator",
    "engine_args": {"startup-seconds": 0.5, "max-model-len": 2048},
}


def end_jobs(gateway: Gateway) -> None:
    """Jobs outlive their gateway, so a test must end them itself."""
    cluster = LocalCluster(gateway.data_dir / "jobs", kill_wait_s=1)
    for job in cluster.list_jobs():
        if not job.state.is_over:
            cluster.cancel(job.job_id)
    cluster.close()


@pytest.fixture
def make_gateway(tmp_path):
    """Starts gateways with the given entries of models.yaml; stops them and their jobs."""
    made: list[Gateway] = []

    def make(*entries: dict, **env: str) -> Gateway:
        gateway = Gateway(tmp_path / f"gateway{len(made)}", entries or (ENTRY,), env)
        made.append(gateway)
        gateway.start()
        return gateway

    yield make
    for gateway in made:
        gateway.kill9()
        end_jobs(gateway)
        print(gateway.log_tail())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """One gateway for the tests of a module that leave it as they found it, its model warm."""
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), (ENTRY,))
    try:
        gateway.start()
        gateway.client(max_retries=20).chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "warm up"}], max_tokens=1
        )
        yield gateway
    finally:
        gateway.kill9()
        end_jobs(gateway)
        print(gateway.log_tail())
