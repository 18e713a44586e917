"""One gateway on the cluster, crashed again and again. Other lanes do the same beside it.

A crash: the failpoint is armed, what leads to it is brought about, a process dies there. Whatever
starts in its stead must then bring the instance to where it was going; squeue and the database
must agree about it, and still agree when the fleet process has looked twice again.
"""

import logging
import random
import time
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import openai

from tests.crashloop.comparing import Difference, Row, compare, looks_of, rows_of
from tests.crashloop.squeue import Squeue
from tests.crashloop.steps import GATEWAY_STEPS, Crash
from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.serving import refusal
from tests.waiting import wait_until
from web.failpoints import VARIABLE, arm

LOOKS_OFTEN_S = "0.5"
# An interval of polling, not a synchronisation.
POLL_S = 0.1
FIRE_S = 40
SETTLE_S = 45
# How long an intent may be without a job, and some looks.
UNDECIDED_S = 100
LOOKS_AFTER = 3
# The parent pauses longer after each death: a whole new gateway is quicker from then on.
DEATHS_PER_LIFE = 3
CHANCE_OF_POWER_CUT = 0.25

log = logging.getLogger(__name__)


class Disagreement(Exception):
    """Squeue and the database differ, or something that had to happen did not."""

    def __init__(self, words: str, difference: Difference) -> None:
        super().__init__(words)
        self.difference = difference


class Lane:
    """`model`: an entry of models.yaml; each life gets one of its own, under a name of its own."""

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
        self._template = model
        self._chance = chance
        self._entry: dict[str, object] = {}
        self._deaths = 0
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

    def crash(self, crash: Crash, *, slow: bool = False) -> None:
        """Bring one about and see it mended; raises `Disagreement`. `slow`: an engine that never
        gets ready, so that it can be stopped while it starts."""
        self._prepare(crash, slow=slow)
        arm(self._armed, crash.failpoint, crash.times)
        if crash.is_beginning:
            self._begin(slow=slow)
        else:
            self._end(crash.way)
        self._wait(lambda: not self._armed.exists(), FIRE_S, f"somebody reaches {crash}")
        self._recover(crash)
        if crash.way == "scancel":
            self._list_nothing()
        self._settle(*_outcomes(crash, self._is_slow))

    def finish(self, *, patient: bool) -> None:
        """Want nothing any more; raises `Disagreement` unless nothing is left. `patient`: wait
        for what becomes of intents that no job answers to."""
        self._list_nothing()
        self._settle("", "submitting")
        if patient:
            self._wait(self._nothing_undecided, UNDECIDED_S, "every intent is decided")
            self._settle("")

    def close(self) -> None:
        """End the gateway and its jobs, whatever state they are in."""
        self.gateway.kill9()
        names = {row.job_name for row in self.rows()}
        for job in self._squeue.live():
            if job.name in names:
                self._slurm.scancel(job.id)

    def rows(self) -> tuple[Row, ...]:
        return rows_of(self.database) if self.database.exists() else ()

    def _prepare(self, crash: Crash, *, slow: bool) -> None:
        """Nothing runs before a beginning; before an ending there is what it can end."""
        if crash.is_beginning:
            self._list_nothing()
            return
        states = self._states()
        if states == ["starting"] and crash.while_it_starts:
            return
        if states == ["ready"] and not crash.while_it_starts:
            return
        self._list_nothing()
        self._begin(slow=crash.while_it_starts)
        self._settle(_served(slow=crash.while_it_starts))

    @property
    def _is_slow(self) -> bool:
        return "engine_args" in self._entry

    def _begin(self, *, slow: bool) -> None:
        """A model nobody has asked for before is asked for."""
        self._entry = {**self._template, "name": f"crash/{uuid4().hex[:8]}"}
        if slow:
            self._entry["engine_args"] = {"startup-seconds": 3600}
        self.gateway.write_models([self._entry])
        self._wait(self._is_asked_for, FIRE_S, "the gateway takes a request for the model")

    def _is_asked_for(self) -> bool:
        time.sleep(POLL_S)
        try:
            refused = refusal(self.gateway, self._name)
        except openai.APIConnectionError:
            return False
        return refused is None or refused.code == "model_starting"

    def _end(self, way: str) -> None:
        if way == "idle":
            self._entry["idle_timeout"] = "1s"
            self.gateway.write_models([self._entry])
        elif way == "scancel":
            job_ids = [row.job_id for row in self.rows() if row.model == self._name and row.is_live]
            self._slurm.scancel(*filter(None, job_ids))
        else:
            self._list_nothing()

    def _list_nothing(self) -> None:
        self.gateway.write_models([])

    def _recover(self, crash: Crash) -> None:
        """Mostly the parent starts the dead process again; sometimes all of it dies, too."""
        in_gateway = crash.failpoint.startswith(GATEWAY_STEPS)
        self._deaths += not in_gateway
        power_cut = self._chance.random() < CHANCE_OF_POWER_CUT
        if power_cut or self._deaths >= DEATHS_PER_LIFE:
            self._deaths = 0
            self.gateway.restart()

    def _settle(self, *outcomes: str) -> None:
        """Wait until the model's instance is in one of these states ("": there is none) and
        squeue agrees, and goes on to do so over some looks of the fleet process."""
        looks: list[str] = []
        last: list[object] = []

        def settled() -> bool:
            time.sleep(POLL_S)
            difference, states = self._compare(), self._states()
            last[:] = [difference, states]
            if difference or "".join(states) not in outcomes:
                looks.clear()
                return False
            look = looks_of(self.database)
            if look not in looks:
                looks.append(look)
            return len(looks) > LOOKS_AFTER

        try:
            wait_until(settled, SETTLE_S, f"the instance is {outcomes}")
        except AssertionError as late:
            raise Disagreement(f"{late}: {last}", self._compare()) from late

    def _compare(self) -> Difference:
        """squeue first, the database after it; only what is this lane's."""
        jobs = self._squeue.live()
        rows = self.rows()
        names = {row.job_name for row in rows}
        return compare([job for job in jobs if job.name in names], rows)

    def _states(self) -> list[str]:
        """Of the live instances of the current model."""
        return [row.state for row in self.rows() if row.model == self._name and row.is_live]

    def _nothing_undecided(self) -> bool:
        time.sleep(POLL_S)
        return not self._compare().undecided

    @property
    def _name(self) -> str:
        return str(self._entry.get("name", ""))

    def _wait(self, predicate: object, timeout_s: float, what: str) -> None:
        try:
            wait_until(predicate, timeout_s, what)  # type: ignore[arg-type]
        except AssertionError as late:
            raise Disagreement(f"{late}; {self._states()}", self._compare()) from late


def _served(*, slow: bool) -> str:
    return "starting" if slow else "ready"


def _outcomes(crash: Crash, slow: bool) -> tuple[str, ...]:
    """The states in which the model's instances may be when all is settled."""
    if not crash.is_beginning:
        return ("",)
    if crash.failpoint == "launch.intended":
        # Whether its sbatch reached Slurm nobody knows: for a while no other is sent.
        return ("submitting", _served(slow=slow))
    return (_served(slow=slow),)
