"""Fixtures over the real parts: one Slurm cluster for all, an empty one for each test."""

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit, running_kit
from tests.integration.serving import simulated

GatewayMaker = Callable[..., Gateway]

# The first test also installs packages, and waits while another session has the cluster.
TIMEOUT_S = 1500


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.integration)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="package")
def slurm_session() -> Iterator[SlurmKit]:
    """The cluster, for as long as tests of this folder run."""
    # A cancelled CI job gets TERM: unwind as for Ctrl-C, so that the daemons are stopped.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running_kit() as kit:
            yield kit
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def slurm(slurm_session: SlurmKit) -> Iterator[SlurmKit]:
    """The cluster with no job on it; emptied again afterwards."""
    yield slurm_session
    slurm_session.cancel_all()


@pytest.fixture
def new_gateway(slurm: SlurmKit, tmp_path: Path) -> Iterator[GatewayMaker]:
    """Makes gateways on the cluster, each with data of its own, not yet started."""
    made: list[Gateway] = []

    def make(
        models: Sequence[Mapping[str, object]] | None = None, env: Mapping[str, str] = {}
    ) -> Gateway:
        folder = tmp_path / f"gateway-{len(made) + 1}"
        entries = [simulated(slurm)] if models is None else models
        made.append(Gateway(folder, entries, {**slurm.gateway_env(), **env}))
        return made[-1]

    yield make
    # A test that failed may have left it paused; what follows asks it.
    slurm.resume_controller()
    for gateway in made:
        gateway.kill9()
        # Shown by pytest when the test failed, and only then.
        print(f"--- log of {gateway.folder.name}\n{gateway.log_tail()}")
    print("--- squeue", *slurm.squeue(), sep="\n")


@pytest.fixture
def gateway(new_gateway: GatewayMaker) -> Gateway:
    """A running gateway with one simulated model that nobody has asked for yet."""
    made = new_gateway()
    made.start()
    return made
