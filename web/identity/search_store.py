"""Users and keys found page by page: what administrators look through, however many there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select

from web.database import Database
from web.identity.account_store import account_of
from web.identity.accounts import Account
from web.identity.models import KeyRow, UserRow
from web.identity.store import KeyRecord, record_of

T = TypeVar("T")


class UserKind(StrEnum):
    """Which users are looked for; ALL: whoever it is."""

    ALL = ""
    ACTIVE = "active"
    DISABLED = "disabled"
    ADMIN = "admin"


class KeyKind(StrEnum):
    """Which keys are looked for; ALL: whatever became of them."""

    ALL = ""
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"
    SERVICE = "service"


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """Some of what was found, and how many there are in all."""

    rows: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Counts:
    """`admins` and `keys` are those that work: not disabled; not expired or revoked."""

    users: int
    disabled: int
    admins: int
    keys: int


@dataclass(frozen=True, slots=True)
class KeyStanding:
    """Of one user's keys that work: how many, when the first of them ends, the last use of any."""

    working: int
    first_end: datetime | None
    last_used_at: datetime | None


class SearchStore:
    """Raises StorageError when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def accounts(self, text: str, kind: UserKind, limit: int, offset: int) -> Found[Account]:
        """By name; `text` stands anywhere in the name, in whatever case."""
        wheres = [_contains(UserRow.name, text), _user_kind(kind)]
        query = select(UserRow).where(*wheres).order_by(UserRow.name)
        return self._found(query, lambda row: account_of(row[0]), limit, offset)

    def keys(
        self,
        text: str,
        kind: KeyKind,
        now: datetime,
        limit: int,
        offset: int,
        user: str | None = None,
    ) -> Found[KeyRecord]:
        """The newest first; `text` stands anywhere in the owner, the name, or begins the id.
        `user`: only theirs."""
        wheres = [_about_key(text), _key_kind(kind, now)]
        if user is not None:
            wheres.append(KeyRow.user == user)
        query = (
            select(KeyRow, UserRow)
            .outerjoin(UserRow, UserRow.name == KeyRow.user)
            .where(*wheres)
            .order_by(KeyRow.created_at.desc(), KeyRow.id)
        )
        return self._found(query, lambda row: record_of(row[0], row[1]), limit, offset)

    def key_standing(self, user: str, now: datetime) -> KeyStanding:
        query = select(
            func.count(), func.min(KeyRow.expires_at), func.max(KeyRow.last_used_at)
        ).where(KeyRow.user == user, _key_kind(KeyKind.ACTIVE, now))
        with self._database.read() as session:
            return KeyStanding(*session.execute(query).one())

    def counts(self, now: datetime) -> Counts:
        users = select(
            func.count(),
            func.count(UserRow.disabled_at),
            func.count().filter(UserRow.is_admin, UserRow.disabled_at.is_(None)),
        ).select_from(UserRow)
        active = select(func.count()).select_from(KeyRow).where(_key_kind(KeyKind.ACTIVE, now))
        with self._database.read() as session:
            total, disabled, admins = session.execute(users).one()
            return Counts(total, disabled, admins, session.scalar(active) or 0)

    def _found(
        self,
        query: "Select[*tuple[Any, ...]]",
        made: Callable[[Sequence[Any]], T],
        limit: int,
        offset: int,
    ) -> Found[T]:
        counted = query.with_only_columns(func.count(), maintain_column_froms=True).order_by(None)
        with self._database.read() as session:
            total = session.scalar(counted) or 0
            rows = session.execute(query.limit(limit).offset(offset)).all()
            return Found(tuple(made(row) for row in rows), total)


def _contains(column: Any, text: str) -> ColumnElement[bool]:
    # autoescape: % and _ of what was typed stand for themselves.
    return func.lower(column).contains(text.lower(), autoescape=True)


def _about_key(text: str) -> ColumnElement[bool]:
    begins = func.substr(KeyRow.id, 1, len(text)) == text
    return or_(_contains(KeyRow.user, text), _contains(KeyRow.name, text), begins)


def _user_kind(kind: UserKind) -> ColumnElement[bool]:
    match kind:
        case UserKind.ACTIVE:
            return UserRow.disabled_at.is_(None)
        case UserKind.DISABLED:
            return UserRow.disabled_at.is_not(None)
        case UserKind.ADMIN:
            return UserRow.is_admin.is_(True)
        case UserKind.ALL:
            return UserRow.name.is_not(None)


def _key_kind(kind: KeyKind, now: datetime) -> ColumnElement[bool]:
    match kind:
        case KeyKind.ACTIVE:
            return and_(KeyRow.revoked_at.is_(None), KeyRow.expires_at > now)
        case KeyKind.EXPIRED:
            return and_(KeyRow.revoked_at.is_(None), KeyRow.expires_at <= now)
        case KeyKind.REVOKED:
            return KeyRow.revoked_at.is_not(None)
        case KeyKind.SERVICE:
            return KeyRow.is_service.is_(True)
        case KeyKind.ALL:
            return KeyRow.id.is_not(None)
