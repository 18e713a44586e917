"""One suite, two engines: the simulator always, real vLLM in CI and with `make test-vllm`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.vllm import engines
from tests.vllm.kit import KitUnavailable, VllmKit, ensure_vllm, is_installed

# The first test also installs vLLM.
INSTALL_TIMEOUT_S = 1800
BOTH = [
    pytest.param("simulator"),
    pytest.param("vllm", marks=[pytest.mark.vllm, pytest.mark.timeout(INSTALL_TIMEOUT_S)]),
]


@pytest.fixture(scope="package")
def kit() -> VllmKit:
    """Real vLLM. Installed when asked for; else the tests that need it say so and are skipped."""
    ci = bool(os.environ.get("CI"))
    if not (ci or os.environ.get("KSCOPE_TEST_VLLM") or is_installed()):
        pytest.skip("real vLLM (2 GB) is not installed here: `make test-vllm` installs and runs it")
    try:
        return ensure_vllm()
    except KitUnavailable as error:
        if ci:
            pytest.fail(f"real vLLM cannot be installed: {error}")
        pytest.skip(f"real vLLM cannot be installed: {error}")


@pytest.fixture(scope="package", params=BOTH)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[engines.Engine]:
    """A generating engine."""
    yield from _engine(request, tmp_path_factory.mktemp("engine"), engines.TOOL_FLAGS, [])


@pytest.fixture(scope="package", params=BOTH)
def pooling_engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[engines.Engine]:
    """An engine that serves embeddings and scores."""
    flags = engines.POOLING_FLAGS
    yield from _engine(request, tmp_path_factory.mktemp("pooling"), flags, flags)


def _engine(
    request: pytest.FixtureRequest, folder: Path, simulated: list[str], real: list[str]
) -> Iterator[engines.Engine]:
    if request.param == "simulator":
        with engines.simulator(simulated) as running:
            yield running
    else:
        kit = request.getfixturevalue("kit")
        with engines.vllm(kit, folder / "vllm.log", real) as running:
            yield running
