"""The accounts that a directory is asked about, and what becomes of them."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import ColumnElement, Select, exists, or_, select, update
from sqlalchemy.orm import Session

from web.audit.store import add_entry
from web.database import Database, bump
from web.identity.account_store import TOPIC, log_out
from web.identity.accounts import DIRECTORY, Source
from web.identity.models import KeyRow, SessionRow, UserRow

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """An account to ask about. Disabled means: by the directory."""

    name: str
    is_disabled: bool


class SyncStore:
    """Raises StorageError, and whatever `allowed` raises."""

    def __init__(
        self, database: Database, allowed: Callable[[Session], None] = lambda _: None
    ) -> None:
        """`allowed` is called within every transaction: it raises when we may no longer write."""
        self._database = database
        self._allowed = allowed

    def to_ask(self, source: Source, now: datetime) -> list[Asked]:
        """The source's accounts that own a usable key, or are logged in. Those that a person
        disabled stay so."""
        query = select(UserRow.name, UserRow.disabled_at).order_by(UserRow.name)
        with self._database.read() as session:
            found = session.execute(query.where(*_to_ask(source, now)))
            return [Asked(name, at is not None) for name, at in found]

    def is_due(self, source: Source, now: datetime, interval: timedelta) -> bool:
        """Whether anybody of them was last asked about so long ago."""
        old = or_(UserRow.synced_at.is_(None), UserRow.synced_at <= now - interval)
        query = select(UserRow.name).where(*_to_ask(source, now), old).limit(1)
        with self._database.read() as session:
            return session.execute(query).first() is not None

    def note(
        self,
        source: Source,
        vouched: Mapping[str, frozenset[str] | None],
        gone: Collection[str],
        now: datetime,
        origin: str,
    ) -> tuple[list[str], list[str]]:
        """(names disabled, names enabled) by what the directory answered just now.

        vouched: name -> groups; None: it knows nothing of groups. origin: where it was asked, for
        the audit log, which has each of them.
        """
        disabled: list[str] = []
        enabled: list[str] = []
        for names in _some([*vouched, *gone]):
            with self._database.read() as session:
                rows = session.scalars(_rows(source, names)).all()
                changed = [row.name for row in rows if _change(row, vouched, now)]
                session.rollback()  # only a trial
            if changed:
                # In the order of all other changes: first the topic, then the rows.
                with self._database.write() as session:
                    bump(session, TOPIC)
                    self._allowed(session)
                    for row in session.scalars(_rows(source, changed).with_for_update()).all():
                        change = _change(row, vouched, now)
                        disabled += [row.name] if change is _Change.DISABLED else []
                        enabled += [row.name] if change is _Change.ENABLED else []
                        if change is _Change.DISABLED:
                            log_out(session, row.name)
                        if change is not None:
                            add_entry(session, DIRECTORY, origin, change.value, row.name, {}, now)
        return disabled, enabled

    def note_asked(self, source: Source, names: Collection[str], now: datetime) -> None:
        for some in _some(names):
            with self._database.write() as session:
                self._allowed(session)
                asked = update(UserRow).where(*_asked_about(source), UserRow.name.in_(some))
                session.execute(asked.values(synced_at=now))


class _Change(Enum):
    """By what the audit log calls it."""

    DISABLED = "user.disable"
    ENABLED = "user.enable"
    GROUPS = "user.groups"


def _change(
    row: UserRow, vouched: Mapping[str, frozenset[str] | None], now: datetime
) -> _Change | None:
    """Make the row what the directory says, and tell what had to change for that."""
    if row.name not in vouched:
        if row.disabled_at is not None:
            return None
        row.disabled_at, row.disabled_by = now, DIRECTORY
        return _Change.DISABLED
    was_disabled, groups, before = row.disabled_at is not None, vouched[row.name], row.groups
    row.disabled_at, row.disabled_by = None, ""
    if groups is not None:
        row.groups = sorted(groups)
    if was_disabled:
        return _Change.ENABLED
    return _Change.GROUPS if row.groups != before else None


def _to_ask(source: Source, now: datetime) -> tuple[ColumnElement[bool], ...]:
    has_key = exists().where(
        KeyRow.user == UserRow.name, KeyRow.revoked_at.is_(None), KeyRow.expires_at > now
    )
    is_logged_in = exists().where(SessionRow.user == UserRow.name, SessionRow.ends_at > now)
    return *_asked_about(source), or_(has_key, is_logged_in)


def _asked_about(source: Source) -> tuple[ColumnElement[bool], ...]:
    mine = or_(UserRow.disabled_at.is_(None), UserRow.disabled_by == DIRECTORY)
    return UserRow.source == source, mine


def _rows(source: Source, names: Collection[str]) -> "Select[UserRow]":
    return select(UserRow).where(*_asked_about(source), UserRow.name.in_(names))


def _some(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]
