"""One gateway on the cluster, crashed again and again. Other lanes do the same beside it.

A crash: the failpoint is armed, what leads to it is brought about, a process dies there. Whatever
starts in its stead must then bring the instance to where it was going; squeue and the database
must agree about it, and still agree when the fleet process has looked a few times again.
"""

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

import openai

from tests.crashloop.comparing import (
    UNDECIDED,
    Difference,
    Row,
    compare,
    last_look_of,
    open_orders_of,
    rows_of,
)
from tests.crashloop.squeue import Squeue
from tests.crashloop.steps import Crash, Kind, Way
from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.serving import refusal
from tests.waiting import wait_until
from web.clock import utc_now
from web.database import Database
from web.failpoints import VARIABLE, arm
from web.fleet.order_store import OrderStore
from web.fleet.orders import OrderKind

CLOSED_PARTITION = "closed"
LOOKS_OFTEN_S = "0.5"
LOOKS_AFTER = 2
# An interval of polling, not a synchronisation.
POLL_S = 0.1
FIRE_S = 40
# Whoever died before scancel is made good after stop_retry_s, unless the worker hears first.
SETTLE_S = 90
# How long an intent may be without a job, and some looks.
UNDECIDED_S = 100
# The parent pauses longer after each death: a whole new gateway is quicker from then on.
DEATHS_PER_LIFE = 3
CHANCE_OF_POWER_CUT = 0.25
NOTHING = ""


class Disagreement(Exception):
    """Squeue and the database differ, or something that had to happen did not."""

    def __init__(self, words: str, difference: Difference) -> None:
        super().__init__(words)
        self.difference = difference


class Lane:
    """`model`: what all its entries of models.yaml have in common; each life gets a new name."""

    def __init__(
        self,
        slurm: SlurmKit,
        squeue: Squeue,
        folder: Path,
        model: Mapping[str, object],
        chance: random.Random,
    ) -> None:
        self._slurm = slurm
        self._squeue = squeue
        self._armed = folder / "failpoint"
        self._model = model
        self._chance = chance
        self._entry: dict[str, object] = {}
        self._deaths = 0
        self._has_started = False
        # Ever seen: none must be, not even for a moment.
        self.twins: set[str] = set()
        folder.mkdir(parents=True)
        env = {
            **slurm.gateway_env(),
            "MIN_UPDATE_INTERVAL_SECONDS": LOOKS_OFTEN_S,
            VARIABLE: str(self._armed),
        }
        self.gateway = Gateway(folder, [], env)

    @property
    def database(self) -> Path:
        return self.gateway.data_dir / "kscope.db"

    def start(self) -> None:
        self.gateway.start()
        self._has_started = True

    def crash(self, crash: Crash) -> None:
        """Bring one about and see it mended; raises `Disagreement`."""
        if crash.way is None:
            self._list()
        elif self._states() != [crash.kind]:
            self._begin(crash.kind)
            self._settle(crash.kind)
        arm(self._armed, crash.failpoint, crash.times)
        if crash.way is None:
            self._begin(crash.kind)
        else:
            self._end(crash.way)
        self._wait(lambda: not self._armed.exists(), FIRE_S, f"somebody reaches {crash}")
        self._recover()
        if crash.way is not None:
            # Its job was taken from a queued model: it would get another.
            self._list()
        self._settle(*_outcomes(crash))

    def finish(self, *, patient: bool) -> None:
        """Want nothing any more; raises `Disagreement` unless nothing is left. `patient`: wait
        for what becomes of intents that no job answers to."""
        self._list()
        self._settle(NOTHING, UNDECIDED)
        if patient:
            self._wait(lambda: not self._compare().undecided, UNDECIDED_S, "every intent decided")
            self._settle(NOTHING)

    def close(self) -> None:
        """End the gateway and its jobs, whatever state they are in."""
        self.gateway.kill9()
        names = self.job_names()
        for job in self._squeue.live():
            if job.name in names:
                self._slurm.scancel(job.id)

    def rows(self) -> tuple[Row, ...]:
        """All its instances, over or not."""
        return rows_of(self.database) if self._has_started else ()

    def job_names(self) -> set[str]:
        return {row.job_name for row in self.rows()}

    def _begin(self, kind: Kind) -> None:
        """A model nobody has asked for before is asked for."""
        self._entry = {**self._model, "name": f"crash/{uuid4().hex[:8]}", "max_instances": 1}
        if kind is Kind.SLOW:
            self._entry["engine_args"] = {"startup-seconds": 3600}
        elif kind is Kind.QUEUED:
            self._entry["partition"] = CLOSED_PARTITION
        self._list(self._entry)
        self._wait(self._is_asked_for, FIRE_S, "the gateway takes a request for the model")

    def _is_asked_for(self) -> bool:
        try:
            refused = refusal(self.gateway, self._name)
        except openai.APIConnectionError:
            return False
        return refused is None or refused.code == "model_starting"

    def _end(self, way: Way) -> None:
        match way:
            case Way.UNLISTED:
                self._list()
            case Way.IDLE:
                self._list({**self._entry, "idle_timeout": "1s"})
            case Way.DRAIN_ORDER:
                self._order(OrderKind.DRAIN)
            case Way.STOP_ORDER:
                self._order(OrderKind.STOP)
            case Way.SCANCEL:
                self._slurm.scancel(*(row.job_id for row in self._live() if row.job_id))

    def _list(self, *entries: Mapping[str, object]) -> None:
        self.gateway.write_models(entries)

    def _order(self, kind: OrderKind) -> None:
        database = Database(f"sqlite:///{self.database}")
        OrderStore(database).give(kind, self._name, None, by="crashloop", now=utc_now())
        database.close()

    def _recover(self) -> None:
        """Mostly the parent starts the dead process again; sometimes all of it dies, too."""
        self._deaths += 1
        if self._chance.random() < CHANCE_OF_POWER_CUT or self._deaths >= DEATHS_PER_LIFE:
            self._deaths = 0
            self.gateway.restart()

    def _settle(self, *outcomes: str) -> None:
        """Wait until the model's instance is in one of these states, or there is NOTHING, and
        squeue agrees, no order is open, and all that stays so over some looks."""
        looks: set[str] = set()
        last: list[object] = []

        def settled() -> bool:
            difference, states = self._compare(), self._states()
            orders = open_orders_of(self.database)
            last[:] = [difference, states, f"{orders} open orders"]
            if difference or orders or "".join(states) not in outcomes:
                looks.clear()
                return False
            looks.add(last_look_of(self.database))
            return len(looks) > LOOKS_AFTER

        self._wait(settled, SETTLE_S, f"settled as {outcomes}", last)

    def _compare(self) -> Difference:
        """squeue first, the database after it; only what is this lane's."""
        jobs = self._squeue.live()
        rows = self.rows()
        names = {row.job_name for row in rows}
        difference = compare([job for job in jobs if job.name in names], rows)
        self.twins.update(difference.twins)
        return difference

    def _live(self) -> list[Row]:
        """The live instances of the current model."""
        return [row for row in self.rows() if row.model == self._name and row.is_live]

    def _states(self) -> list[str]:
        return [row.state for row in self._live()]

    @property
    def _name(self) -> str:
        return str(self._entry.get("name", ""))

    def _wait(
        self, condition: Callable[[], bool], timeout_s: float, what: str, seen: object = ""
    ) -> None:
        def holds() -> bool:
            time.sleep(POLL_S)
            return condition()

        try:
            wait_until(holds, timeout_s, what)
        except AssertionError as late:
            raise Disagreement(f"{late}; {self._states()} {seen}", self._compare()) from late


def _outcomes(crash: Crash) -> tuple[str, ...]:
    """The states in which the model's only instance may be when all is settled."""
    if crash.way is not None:
        return (NOTHING,)
    if crash.failpoint == "launch.intended":
        # Whether its sbatch reached Slurm nobody knows: for a while no other is sent.
        return (UNDECIDED, crash.kind)
    return (crash.kind,)
