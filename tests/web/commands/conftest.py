"""A gateway's data without a gateway: what commands read, and a fleet process that tests play."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.web.commands.terminal import Terminal
from tests.web.fleet.worlds import ID, instance
from tests.web.newest import newest
from web import terminal
from web.cli import main
from web.clock import utc_now
from web.demand.store import DemandStore
from web.fleet.order_store import OrderStore
from web.fleet.states import Instance, InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock

CATALOG = """
models:
  - {name: m, aliases: [em], path: m, command: vllm serve, max_instances: 3}
  - {name: other, path: o}
"""


def ago(seconds: float) -> datetime:
    return utc_now() - timedelta(seconds=seconds)


class Stopwatch:
    """Stands in for `time` in one module: each look at it is `step_s` later than the last."""

    def __init__(self, step_s: float) -> None:
        self._looks = itertools.count()
        self._step_s = step_s

    def monotonic(self) -> float:
        return next(self._looks) * self._step_s


class Fleet:
    """`run` is `kscope …`; whenever it pauses, the next of `steps` happens."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = folder / "models.yaml"
        self.catalog.write_text(CATALOG)
        self.environ = {"DATA_DIR": str(folder), "MODELS_FILE": str(self.catalog)}
        self.database = newest(folder)
        self.lock = FleetLock(self.database, "host:1", life_s=600)
        self.store = FleetStore(self.database, self.lock)
        self.orders = OrderStore(self.database)
        self.demand = DemandStore(self.database)
        self.steps: list[Callable[[], object]] = []
        self.pauses: list[float] = []
        self.lock.acquire(utc_now())

    def run(self, *argv: str, stdin: str = "", **environ: str) -> Result:
        runner = CliRunner(env={**self.environ, **environ})
        result = runner.invoke(main, argv, input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        assert "Traceback" not in result.output
        return result

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        assert self.steps, "the command waits for something that never comes"
        self.steps.pop(0)()

    def add(self, state: InstanceState, **changes: object) -> Instance:
        """An instance of model m with job 7, made a minute ago."""
        made = {"created_at": ago(60), "state_since": ago(60), **changes}
        if state.is_over:
            made.setdefault("ended_at", ago(1))
        added = instance(state, **made)
        self.store.intend(added)
        return added

    def change(self, **changes: object) -> None:
        self.store.change(ID, lambda i: replace(i, **changes))

    def log(self, text: str, instance_id: str = ID, mode: str = "a") -> None:
        """What the job of an instance prints on the local cluster."""
        folder = self.folder / "jobs" / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{instance_id}.log").open(mode) as file:
            file.write(text)


@pytest.fixture
def fleet(tmp_path, monkeypatch):
    fleet = Fleet(tmp_path)
    monkeypatch.setattr(terminal, "pause", fleet.pause)
    yield fleet
    fleet.database.close()


@pytest.fixture(name="terminal")
def make_terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)
