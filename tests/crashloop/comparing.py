"""squeue beside the database: what either holds that the other does not.

A job and an instance find each other by the job's name. Both sides are given as they were read:
squeue first, the database after it, so that a job without a row is an orphan and no race.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from slurm.script import JOB_NAME_PREFIX

OVER = ("stopped", "failed")
# Its model is free to have another instance.
LEAVING = ("draining", "stopping")
UNDECIDED = "submitting"


@dataclass(frozen=True, slots=True)
class Row:
    """An instance as the database has it."""

    id: str
    model: str
    state: str
    job_id: str | None

    @property
    def is_live(self) -> bool:
        return self.state not in OVER

    @property
    def job_name(self) -> str:
        return JOB_NAME_PREFIX + self.id


@dataclass(frozen=True, slots=True)
class Job:
    """A live job as squeue has it."""

    id: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Difference:
    """In words, one entry per case; nothing where both sides agree."""

    orphans: tuple[str, ...] = ()  # live jobs that no live instance has
    twins: tuple[str, ...] = ()  # jobs and instances beside another that is enough
    lost: tuple[str, ...] = ()  # live instances that no live job serves
    crossed: tuple[str, ...] = ()  # an instance that goes by another job's id
    # Whether these intents became jobs nobody knows before their grace is over: no difference yet.
    undecided: tuple[str, ...] = field(default=(), compare=False)

    def __bool__(self) -> bool:
        return self != Difference()


def compare(jobs: Sequence[Job], rows: Sequence[Row]) -> Difference:
    """`jobs`: the live ones; `rows`: all instances. One job per instance, one instance a model."""
    live = {row.job_name: row for row in rows if row.is_live}
    served = {job.name for job in jobs}
    missing = [row for name, row in live.items() if name not in served]
    undecided = [row for row in missing if row.state == UNDECIDED and row.job_id is None]
    return Difference(
        orphans=tuple(str(job) for job in jobs if job.name not in live),
        twins=(*same_name(jobs), *_same_model(live.values())),
        lost=tuple(str(row) for row in missing if row not in undecided),
        crossed=tuple(
            f"{job}: {live[job.name]}"
            for job in jobs
            if job.name in live and live[job.name].job_id != job.id
        ),
        undecided=tuple(str(row) for row in undecided),
    )


def same_name(jobs: Iterable[Job]) -> tuple[str, ...]:
    """The jobs too many: there must never be two of one instance, not even for a moment."""
    counts = Counter(job.name for job in jobs)
    return tuple(f"{n} jobs are named {name}" for name, n in counts.items() if n > 1)


def _same_model(live: Iterable[Row]) -> tuple[str, ...]:
    """Whether or not they have their jobs yet."""
    counts = Counter(row.model for row in live if row.state not in LEAVING)
    return tuple(f"{n} instances of {model}" for model, n in counts.items() if n > 1)


def rows_of(database: Path) -> tuple[Row, ...]:
    """Every instance in a gateway's SQLite file."""
    query = "SELECT id, model, state, job_id FROM instances ORDER BY created_at"
    return tuple(Row(*values) for values in _read(database, query))


def last_look_of(database: Path) -> str:
    """When the fleet process last had an answer from squeue: grows with each such look."""
    return str(_read(database, "SELECT max(succeeded_at) FROM cluster_looks")[0][0])


def open_orders_of(database: Path) -> int:
    """How many orders of administrators have not been fulfilled."""
    return len(_read(database, "SELECT id FROM orders WHERE done_at IS NULL"))


def _read(database: Path, query: str) -> list[tuple[str, ...]]:
    # Past the gateway's own code, which is what is being tested.
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return connection.execute(query).fetchall()
