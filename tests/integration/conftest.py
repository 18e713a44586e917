"""Fixtures over the real parts: one Slurm cluster per session, an empty one for each test."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.kit import MissingParts, SlurmKit, running_kit

# The first test also installs packages and starts daemons.
TIMEOUT_S = 600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.integration)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def slurm_session() -> Iterator[SlurmKit]:
    # A cancelled CI job gets TERM: unwind as for Ctrl-C, so that the daemons are stopped.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running_kit() as kit:
            yield kit
    except MissingParts as missing:
        reason = f"real Slurm and sshd: {missing}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture
def slurm(slurm_session: SlurmKit) -> Iterator[SlurmKit]:
    """The cluster with no job on it; emptied again afterwards."""
    yield slurm_session
    slurm_session.cancel_all()
