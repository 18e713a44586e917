"""Is this gateway able to do its work? Each part says so itself, or why not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from web.catalog.file import CatalogFile
from web.database import Database, StorageError, why
from web.fleet.pace import Look, longest_pause_s
from web.fleet.store import InstanceStore
from web.lock.store import holder_of

# Two looks may fail to happen, and the third may take its full time (slurm.cluster.DEADLINE_S).
PAUSES_BEFORE_STALE = 3
SLOW_LOOK_S = 60.0


@dataclass(frozen=True, slots=True)
class Part:
    ok: bool
    message: str


class Readiness:
    def __init__(
        self,
        database: Database,
        store: InstanceStore,
        catalog: CatalogFile,
        clock: Callable[[], datetime],
        look_interval_s: float,
        limits: Callable[[], str] = lambda: "not counted",
    ) -> None:
        """`limits` says how they are counted; however that is, requests are answered."""
        self._database = database
        self._store = store
        self._catalog = catalog
        self._clock = clock
        self._look_interval_s = look_interval_s
        self._limits = limits

    def over(self, database: Database, store: InstanceStore) -> "Readiness":
        """The same, asking through connections that another thread uses (see `web.aside`)."""
        return Readiness(
            database, store, self._catalog, self._clock, self._look_interval_s, self._limits
        )

    def parts(self) -> dict[str, Part]:
        """Part of the gateway -> how it is. A catalog kept from before its fault still serves."""
        try:
            return {
                "database": Part(True, "answers"),
                "fleet": self._fleet(),
                "cluster": self._cluster(),
                "catalog": Part(
                    not self._catalog.faults, "; ".join(self._catalog.faults) or "valid"
                ),
                "limits": Part(True, self._limits()),
            }
        except StorageError as error:
            return {"database": Part(False, f"the database does not answer: {why(error)}")}

    def _fleet(self) -> Part:
        holder = holder_of(self._database, self._clock())
        if holder is None:
            return Part(False, "no fleet process holds the lock: nothing is launched or stopped")
        return Part(True, f"{holder} holds the lock")

    def _cluster(self) -> Part:
        look = self._store.last_look()
        if look is None:
            return Part(False, "the cluster has not been looked at yet")
        went = Look(look.duration_ms / 1000, ok=not look.problem)
        pause_s = longest_pause_s(self._look_interval_s, went)
        age_s = self._seconds_since(look.tried_at)
        if went.ok:
            words = f"last look {age_s:.0f} s ago, {look.duration_ms:.0f} ms"
            return Part(age_s <= PAUSES_BEFORE_STALE * pause_s + SLOW_LOOK_S, words)
        due = f"due within {max(0.0, pause_s - age_s):.0f} s"
        if look.succeeded_at is None:
            return Part(False, f"{look.problem} (the next look is {due})")
        since_s = self._seconds_since(look.succeeded_at)
        words = f"no look has succeeded for {since_s:.0f} s; the next one is {due}"
        return Part(False, f"{look.problem} ({words})")

    def _seconds_since(self, then: datetime) -> float:
        return max(0.0, (self._clock() - then).total_seconds())
