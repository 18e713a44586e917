"""One suite, two engines: the simulator always, real vLLM in CI and with `make test-vllm`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.served import Served, real, serving, simulated
from tests.vllm.conftest import BOTH
from tests.vllm.conftest import kit as vllm_kit

# Two engines load at the same time, on a machine that does other things too.
SIMULATOR_START_S, VLLM_START_S = 60, 300

kit = vllm_kit


@pytest.fixture(scope="package", params=BOTH)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A gateway whose engines are all of this kind."""
    folder = tmp_path_factory.mktemp(f"differential-{request.param}")
    if request.param == "simulator":
        with serving(folder, simulated(), SIMULATOR_START_S, joins_tokens=False) as both:
            yield both
    else:
        entries = real(request.getfixturevalue("kit"))
        with serving(folder, entries, VLLM_START_S, joins_tokens=True) as both:
            yield both
