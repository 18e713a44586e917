"""`python -m bench.fleet_tick`: one tick over many live instances, without anything else running.

The real Reconciler on SQLite, before a Slurm whose squeue was recorded on 22.05 and multiplied:
what is measured is parsing, reading, deciding and writing; only the network and slurmctld are not.
"""

import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from sqlalchemy import insert, update

from slurm.cluster import SlurmCluster
from slurm.script import JOB_NAME_PREFIX
from slurm.shell import Result
from web.catalog.file import CatalogFile
from web.config import Settings
from web.database import Database
from web.demand.store import DemandStore
from web.fleet.launch import SpecWriter
from web.fleet.models import InstanceRow, TelemetryRow
from web.fleet.policy import Policy
from web.fleet.reconciler import Reconciler
from web.fleet.seal import new_id
from web.fleet.store import FleetStore
from web.lock.store import FleetLock
from web.secrets import Secrets

INSTANCES, MODELS, SAMPLES = 1000, 20, 30
STEADY_TICKS = 5
LOOK_S = 10
# As squeue printed it on 22.05.8, with the trailing space that pads the name.
ROW = "{job}|RUNNING|None|{start}|{end}|{start}|gpu{node}|gpu{node}|{name} \n"


class RecordedShell:
    """Answers squeue with the same listing, and counts what it was asked to run."""

    def __init__(self, listing: str) -> None:
        self._listing = listing
        self.calls: list[str] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        known = ("squeue", "sbatch", "scancel", "sacct")
        self.calls.append(next((word for word in known if word in " ".join(argv)), argv[0]))
        return Result(0, self._listing if "squeue" in argv else "", "")

    def close(self) -> None:
        """Nothing is open."""


class Fleet:
    """`tick` is one pass with a look, `LOOK_S` after the one before; heartbeats came in between."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)
        models = [_model(number) for number in range(MODELS)]
        (folder / "models.yaml").write_text(yaml.safe_dump({"models": models}))
        settings = Settings.from_env(
            {"DATA_DIR": str(folder), "MODELS_FILE": str(folder / "models.yaml")}
        )
        secrets, catalog = Secrets(folder), CatalogFile.for_settings(settings)
        self._database = Database(settings.database_url)
        self._database.migrate()
        lock = FleetLock(self._database, "bench:1", life_s=86400)
        lock.acquire(self.now)
        fingerprints = {d.name: d.fingerprint for d in catalog.current()}
        rows = list(_rows(secrets, fingerprints, self.now))
        with self._database.write() as session:
            session.execute(insert(InstanceRow), rows)
        self._ids = [str(row["id"]) for row in rows]
        for before in range(SAMPLES, 0, -1):
            self._beat(self.now - timedelta(seconds=before * LOOK_S))
        self.shell = RecordedShell("".join(_listing(rows)))
        self.store = FleetStore(self._database, lock)
        self._reconciler = Reconciler(
            SlurmCluster(self.shell),
            self.store,
            DemandStore(self._database),
            catalog,
            SpecWriter(settings, secrets),
            lambda: self.now,
            Policy.for_heartbeats_every(settings.min_update_interval_s),
        )

    def tick(self) -> float:
        """How long it took, in seconds."""
        self.now += timedelta(seconds=LOOK_S)
        self._beat(self.now - timedelta(seconds=2))
        started = time.perf_counter()
        self._reconciler.tick(look=True)
        return time.perf_counter() - started

    def close(self) -> None:
        self._database.close()

    def _beat(self, at: datetime) -> None:
        load = {"at": at, "running": 4, "waiting": 0, "kv_cache_usage": 0.1}
        heard = {"heartbeat_at": at, "active_at": at, "progress_at": at}
        with self._database.write() as session:
            session.execute(
                insert(TelemetryRow), [{"instance_id": id_, **load} for id_ in self._ids]
            )
            session.execute(update(InstanceRow).values(**heard))


def _model(number: int) -> dict[str, object]:
    per_model = INSTANCES // MODELS
    return {
        "name": f"model-{number}",
        "path": "/models/none",
        "min_instances": per_model,
        "max_instances": per_model,
    }


def _rows(
    secrets: Secrets, fingerprints: dict[str, str], now: datetime
) -> Iterator[dict[str, object]]:
    chance = random.Random(1)  # the same ids in every run
    for number in range(INSTANCES):
        model = f"model-{number % MODELS}"
        start = now - timedelta(hours=1)
        yield {
            "id": new_id(secrets, chance.choice),
            "model": model,
            "cluster": "slurm",
            "state": "ready",
            "secret_version": secrets.current,
            "fingerprint": fingerprints[model],
            "gpus": 1,
            "created_at": start,
            "state_since": start + timedelta(minutes=2),
            "job_id": str(1000 + number),
            "claimed_by": str(1000 + number),
            "port": 20000 + number,
            "running": 4,
            "running_since": start,
            "ready_at": start + timedelta(minutes=2),
        }


def _listing(rows: list[dict[str, object]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        start = row["running_since"]
        assert isinstance(start, datetime)
        yield ROW.format(
            job=row["job_id"],
            start=start.strftime("%Y-%m-%dT%H:%M:%S"),
            end=(start + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S"),
            node=number // 4,
            name=f"{JOB_NAME_PREFIX}{row['id']}",
        )


def tick_figures(folder: Path) -> dict[str, float | int]:
    """first_s: with every row to be learned from squeue. steady_s: the median of the later ones."""
    fleet = Fleet(folder)
    try:
        first = fleet.tick()
        fleet.shell.calls.clear()
        steady = [fleet.tick() for _ in range(STEADY_TICKS)]
    finally:
        fleet.close()
    return {
        "instances": INSTANCES,
        "first_s": round(first, 3),
        "steady_s": round(statistics.median(steady), 3),
        "squeue_per_tick": fleet.shell.calls.count("squeue") / STEADY_TICKS,
        "other_commands": sum(call != "squeue" for call in fleet.shell.calls),
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kscope-bench-") as folder:
        print(json.dumps(tick_figures(Path(folder))))


if __name__ == "__main__":
    main()
