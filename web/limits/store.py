"""Limits in the database. Every change raises TOPIC, so that each gateway worker soon knows."""

import builtins
from collections.abc import Mapping

from sqlalchemy import select

from web.database import Database, bump
from web.limits.models import LimitRow
from web.limits.rules import NAMES, NOTHING, Limits, Scope, check_limits

TOPIC = "limits"


class LimitStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def version(self) -> int:
        return self._database.versions().get(TOPIC, 0)

    def rows(self) -> dict[tuple[Scope, str], Limits]:
        """(scope, name) -> what is said of it; name is "" for everyone."""
        with self._database.read() as session:
            found = session.scalars(select(LimitRow))
            return {(Scope(row.scope), row.name): _limits(row) for row in found}

    def list(self) -> builtins.list[tuple[Scope, str, Limits]]:
        """By scope, from everyone to the single model, and by name."""
        order = builtins.list(Scope)
        found = [(scope, name, limits) for (scope, name), limits in self.rows().items()]
        return sorted(found, key=lambda each: (order.index(each[0]), each[1]))

    def set(self, scope: Scope, name: str, changes: Mapping[str, float | None]) -> Limits:
        """Change some limits of a row, all others stay; returns the whole row.

        None takes a limit back; a row that says nothing any more is gone. Raises ValueError.
        """
        check_limits(Limits(**changes))  # type: ignore[arg-type]
        with self._database.write() as session:
            row = session.get(LimitRow, (scope.value, name))
            if row is None:
                row = LimitRow(scope=scope.value, name=name)
                session.add(row)
            for column, value in changes.items():
                setattr(row, column, value)
            limits = _limits(row)
            if limits == NOTHING:
                session.expunge(row) if row in session.new else session.delete(row)
            bump(session, TOPIC)
            return limits

    def unset(self, scope: Scope, name: str) -> bool:
        """Take a row away; whether there was one."""
        with self._database.write() as session:
            row = session.get(LimitRow, (scope.value, name))
            if row is None:
                return False
            session.delete(row)
            bump(session, TOPIC)
            return True


def _limits(row: LimitRow) -> Limits:
    return Limits(**{name: getattr(row, name) for name in NAMES})
