"""Which tests `make test` runs beside which: most of them wait for jobs, not for a processor."""

import pytest
from xdist.scheduler import LoadScopeScheduling

# The longest, so that they come first. There is one cluster, and room for one real engine.
FIRST = {"integration": "cluster", "differential": "engines", "vllm": "engines"}
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
    return path if folder in BY_FILE else FIRST.get(folder, folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: lane_of(item.nodeid) not in FIRST.values())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Lanes:
    config.option.loadscopereorder = False
    return Lanes(config, log)
