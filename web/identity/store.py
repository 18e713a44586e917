"""API keys in the database."""

import builtins
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import randbelow

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import Session

from web.database import Database, bump
from web.identity.account_store import TOPIC, account_of, owner_row
from web.identity.accounts import Account
from web.identity.keys import PREFIX, Principal, check_key, has_valid_form, key_id, new_key
from web.identity.models import KeyRow, UserRow
from web.secrets import Secrets

_PURPOSE = "api-key"
_LEAST_PREFIX = 4


class NoSuchKey(Exception):
    """No key, or more than one, answers to what was given."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key; the key itself is not."""

    id: str
    user: str
    name: str
    models: tuple[str, ...] | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    is_service: bool
    pepper_version: int
    # None only when somebody removed the row by hand: nobody answers for the key then.
    owner: Account | None

    @property
    def life_days(self) -> int:
        """How long it was meant to live, in whole days."""
        return max(1, (self.expires_at - self.created_at).days)

    def facts(self) -> dict[str, object]:
        """What the audit log keeps of a new key."""
        return {
            "user": self.user,
            "name": self.name,
            "models": self.models,
            "expires_at": self.expires_at,
            "is_service": self.is_service,
        }

    def principal_at(self, now: datetime) -> Principal | None:
        """Who the key stands for at that time; None when it is revoked, expired, or its owner
        disabled."""
        if self.revoked_at is not None or now >= self.expires_at:
            return None
        if self.owner is None or self.owner.is_disabled:
            return None
        models = frozenset(self.models) if self.models is not None else None
        return Principal(self.id, self.user, models, self.owner.groups, self.owner.is_admin)


class KeyStore:
    """Everything that is kept about keys. Raises StorageError when the database is away."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets

    def version(self) -> int:
        """A number that is another one after every change of who may ask for what."""
        return self._database.versions().get(TOPIC, 0)

    def create(
        self,
        user: str,
        name: str,
        days: int,
        models: Collection[str] | None,
        now: datetime,
        *,
        is_service: bool = False,
    ) -> tuple[KeyRecord, str]:
        """The record and the key, which nobody can be told again.

        An owner without an account gets one. Raises AccountDisabled, and ValueError for junk.
        """
        check_key(user, name, days, models)
        with self._database.write() as session:
            bump(session, TOPIC)
            owner = owner_row(session, user, now)
            row, key = self._add(session, owner, name, days, models, now, is_service)
            return record_of(row, owner), key

    def rotate(
        self, id_or_prefix: str, overlap: timedelta, days: int, now: datetime
    ) -> tuple[KeyRecord, KeyRecord, str]:
        """(the old key's record, the new one's, the new key): same owner, name, models and kind.

        The old key ends after the overlap, never later than before. Raises NoSuchKey for one that
        is over already, and AccountDisabled.
        """
        with self._database.write() as session:
            bump(session, TOPIC)
            old = _one(session, id_or_prefix)
            if old.revoked_at is not None or now >= old.expires_at:
                raise NoSuchKey("that key is over; make a new one")
            check_key(old.user, old.name, days, old.models)
            owner = owner_row(session, old.user, now)
            old.expires_at = min(old.expires_at, now + overlap)
            row, key = self._add(session, owner, old.name, days, old.models, now, old.is_service)
            return record_of(old, owner), record_of(row, owner), key

    def _add(
        self,
        session: Session,
        owner: UserRow,
        name: str,
        days: int,
        models: Collection[str] | None,
        now: datetime,
        is_service: bool,
    ) -> tuple[KeyRow, str]:
        key = new_key(randbelow)
        version = self._secrets.current
        row = KeyRow(
            id=key_id(key),
            key_hash=self._secrets.digest(_PURPOSE, key, version),
            pepper_version=version,
            user=owner.name,
            name=name,
            models=sorted(set(models)) if models is not None else None,
            created_at=now,
            expires_at=now + timedelta(days=days),
            revoked_at=None,
            last_used_at=None,
            is_service=is_service,
        )
        session.add(row)
        return row, key

    def find(self, key: str) -> KeyRecord | None:
        """The record of exactly this key, whether it is still good or not. One query."""
        digests = [self._secrets.digest(_PURPOSE, key, v) for v in self._secrets.versions]
        with self._database.read() as session:
            found = session.execute(_with_owner().where(KeyRow.key_hash.in_(digests))).first()
        if found is None:
            return None
        row, owner = found
        # The database compares as it likes (collations, early exits): this comparison decides.
        same = self._secrets.matches(_PURPOSE, key, row.key_hash, row.pepper_version)
        return record_of(row, owner) if same else None

    def get(self, id_or_prefix: str) -> KeyRecord:
        """Takes an id, its beginning, or the key itself. Raises NoSuchKey unless one answers."""
        with self._database.read() as session:
            row = _one(session, id_or_prefix)
            return record_of(row, session.get(UserRow, row.user))

    def revoke(self, id_or_prefix: str, now: datetime) -> KeyRecord:
        """Like `get`; revoking twice keeps the first time."""
        with self._database.write() as session:
            row = _one(session, id_or_prefix)
            if row.revoked_at is None:
                row.revoked_at = now
                bump(session, TOPIC)
            return record_of(row, session.get(UserRow, row.user))

    def touch(self, used_at: Mapping[str, datetime]) -> None:
        """Note when keys were last used, key id -> time; an older time changes nothing."""
        with self._database.write() as session:
            for id_, at in used_at.items():
                older = or_(KeyRow.last_used_at.is_(None), KeyRow.last_used_at < at)
                session.execute(
                    update(KeyRow).where(KeyRow.id == id_, older).values(last_used_at=at)
                )

    def list(self, user: str | None = None) -> builtins.list[KeyRecord]:
        """All keys, or a user's; the newest last."""
        query = _with_owner().order_by(KeyRow.created_at, KeyRow.id)
        if user is not None:
            query = query.where(KeyRow.user == user)
        with self._database.read() as session:
            return [record_of(row, owner) for row, owner in session.execute(query)]


def _with_owner() -> "Select[KeyRow, UserRow]":
    return select(KeyRow, UserRow).outerjoin(UserRow, UserRow.name == KeyRow.user)


def _one(session: Session, id_or_prefix: str) -> KeyRow:
    wanted = _wanted(id_or_prefix)
    rows = session.scalars(select(KeyRow).where(_begins_with(wanted)).limit(2)).all()
    if len(rows) != 1:
        raise NoSuchKey("more than one key begins so" if rows else "there is no such key")
    return rows[0]


def _wanted(id_or_prefix: str) -> str:
    if has_valid_form(id_or_prefix):
        return key_id(id_or_prefix)
    wanted = id_or_prefix.removeprefix(PREFIX)
    if len(wanted) < _LEAST_PREFIX:
        raise NoSuchKey(f"at least the first {_LEAST_PREFIX} characters of the id are needed")
    if not (wanted.isascii() and wanted.isalnum()):
        raise NoSuchKey("there is no such key")
    return wanted


def _begins_with(wanted: str) -> ColumnElement[bool]:
    # LIKE would ignore case in SQLite, and read % and _ as wildcards.
    return func.substr(KeyRow.id, 1, len(wanted)) == wanted


def record_of(row: KeyRow, owner: UserRow | None) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        user=row.user,
        name=row.name,
        models=tuple(row.models) if row.models is not None else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        is_service=row.is_service,
        pepper_version=row.pepper_version,
        owner=account_of(owner) if owner is not None else None,
    )
