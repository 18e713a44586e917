"""The orphans of the last listings, in the database."""

from dataclasses import fields

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from web.database import Database
from web.fleet.models import OrphanRow
from web.fleet.orphans import Orphan

_COLUMNS = tuple(f.name for f in fields(Orphan))


class OrphanStore:
    """What everybody may do: read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> tuple[Orphan, ...]:
        """By cluster and job id; those of a cluster are as old as its last successful look."""
        query = select(OrphanRow).order_by(OrphanRow.cluster, OrphanRow.job_id)
        with self._database.read() as session:
            return tuple(map(_to_orphan, session.scalars(query)))


def replace_orphans(session: Session, cluster: str, orphans: tuple[Orphan, ...]) -> None:
    """Make `orphans` the ones of the cluster, within a write transaction."""
    session.execute(delete(OrphanRow).where(OrphanRow.cluster == cluster))
    session.add_all(OrphanRow(**{name: getattr(o, name) for name in _COLUMNS}) for o in orphans)


def _to_orphan(row: OrphanRow) -> Orphan:
    return Orphan(**{name: getattr(row, name) for name in _COLUMNS})
