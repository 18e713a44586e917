"""What a test under traffic saw, moment by moment: for its assertions and for the closing note."""

import time
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from tests.gateway_process import REPOSITORY, Gateway
from tests.integration.kit import SlurmKit
from tests.traffic import Traffic
from web.config import Settings
from web.database import Database
from web.fleet.states import LAUNCH_FAILURES, Instance
from web.fleet.store import InstanceStore

EVIDENCE = REPOSITORY / ".cache/evidence"


@dataclass(frozen=True, slots=True)
class Moment:
    """`t` in seconds; `pending` and `jobs` by squeue, `ready` by /v1/models."""

    t: float
    parallel: int
    ready: int
    pending: int
    jobs: int
    served: int
    failed: int


class Timeline:
    """`look` is called in a test's own waiting; each call is one moment."""

    def __init__(self, slurm: SlurmKit, gateway: Gateway, model: str, traffic: Traffic) -> None:
        self._slurm, self._gateway, self._model, self._traffic = slurm, gateway, model, traffic
        self._began = time.monotonic()
        self.moments: list[Moment] = []

    def look(self) -> Moment:
        jobs = self._slurm.live_jobs()
        ready = self._gateway.model(self._model)["ready_instances"]
        moment = Moment(
            t=round(time.monotonic() - self._began, 1),
            parallel=self._traffic.parallel,
            ready=int(str(ready)),
            pending=sum(job["state"] == "PENDING" for job in jobs),
            jobs=len(jobs),
            served=self._traffic.counts.served,
            failed=len(self._traffic.failures),
        )
        self.moments.append(moment)
        return moment

    def most(self, name: str) -> int:
        return max(getattr(moment, name) for moment in self.moments)

    def write(self, name: str) -> None:
        """To the git-ignored folder that the closing note quotes from: what changed, and when."""
        EVIDENCE.mkdir(parents=True, exist_ok=True)
        rows = [" ".join(f"{f.name:>8}" for f in fields(Moment))]
        shown: tuple[object, ...] = ()
        for moment in self.moments:
            if (state := astuple(moment)[1:5]) != shown or moment is self.moments[-1]:
                rows.append(" ".join(f"{value:>8}" for value in astuple(moment)))
                shown = state
        text = "\n".join([*rows, self._traffic.words()])
        (EVIDENCE / f"{name}.txt").write_text(text + "\n")


def ended(gateway: Gateway, model: str) -> tuple[Instance, ...]:
    """The model's instances that are over, newest first, as the database has them."""
    database = Database(Settings.from_env(gateway.env).database_url)
    try:
        return InstanceStore(database).history().get(model, ())
    finally:
        database.close()


def failed_launches(history: Iterable[Instance]) -> list[str]:
    """How those ended that count against the model itself."""
    return [f"{i.end_reason}: {i.detail}" for i in history if i.end_reason in LAUNCH_FAILURES]
