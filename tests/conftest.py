"""Which tests `make test` runs beside which: most of them wait for jobs, not for a processor."""

import pytest
from xdist.scheduler import LoadScopeScheduling

# These share one Slurm cluster or keep every processor busy with real engines: one after another.
# As the lane with most tests it is handed out first; it is also the one that takes longest.
ALONE = {"differential", "integration", "vllm"}
# Of these, each file starts what it needs; elsewhere a folder does it once.
BY_FILE = {"embedded", "slurm", "web"}


class Lanes(LoadScopeScheduling):
    """Hands whole lanes of tests to pytest's processes."""

    def _split_scope(self, nodeid: str) -> str:
        return lane_of(nodeid)


def lane_of(nodeid: str) -> str:
    """The lane of a test, "tests/web/test_a.py::test_b": tests of one lane run in one process."""
    path = nodeid.split("::", 1)[0]
    folder = path.split("/")[1]
    if folder in ALONE:
        return "alone"
    return path if folder in BY_FILE else folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    return Lanes(config, log)
