"""API keys in the database."""

import builtins
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import randbelow

from sqlalchemy import ColumnElement, func, or_, select, update

from web.database import Database, bump
from web.identity.keys import PREFIX, Principal, has_valid_form, key_id, new_key
from web.identity.models import KeyRow
from web.secrets import Secrets

TOPIC = "keys"
MAX_DAYS = 3650
MAX_TEXT = 255
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

    def principal_at(self, now: datetime) -> Principal | None:
        """Who the key stands for at that time; None once it is revoked or expired."""
        if self.revoked_at is not None or now >= self.expires_at:
            return None
        models = frozenset(self.models) if self.models is not None else None
        return Principal(self.id, self.user, models)


class KeyStore:
    """Everything that is kept about keys. Raises StorageError when the database is away."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        self._database = database
        self._secrets = secrets

    def version(self) -> int:
        """A number that is another one after every change of who may ask for what."""
        return self._database.versions().get(TOPIC, 0)

    def create(
        self, user: str, name: str, days: int, models: Collection[str] | None, now: datetime
    ) -> tuple[KeyRecord, str]:
        """The record and the key, which nobody can be told again. ValueError for junk."""
        _check(user, name, days, models)
        key = new_key(randbelow)
        row = KeyRow(
            id=key_id(key),
            key_hash=self._secrets.digest(_PURPOSE, key),
            pepper_version=self._secrets.current,
            user=user,
            name=name,
            models=sorted(set(models)) if models is not None else None,
            created_at=now,
            expires_at=now + timedelta(days=days),
            revoked_at=None,
            last_used_at=None,
        )
        with self._database.write() as session:
            session.add(row)
            bump(session, TOPIC)
        return _record(row), key

    def find(self, key: str) -> KeyRecord | None:
        """The record of exactly this key, whether it is still good or not."""
        digests = [self._secrets.digest(_PURPOSE, key, v) for v in self._secrets.versions]
        with self._database.read() as session:
            row = session.scalar(select(KeyRow).where(KeyRow.key_hash.in_(digests)))
        if row is None:
            return None
        # The database compares as it likes (collations, early exits): this comparison decides.
        same = self._secrets.matches(_PURPOSE, key, row.key_hash, row.pepper_version)
        return _record(row) if same else None

    def revoke(self, id_or_prefix: str, now: datetime) -> KeyRecord:
        """Takes an id, its beginning, or the key itself. Raises NoSuchKey unless one answers."""
        wanted = _wanted(id_or_prefix)
        with self._database.write() as session:
            rows = session.scalars(select(KeyRow).where(_begins_with(wanted)).limit(2)).all()
            if len(rows) != 1:
                raise NoSuchKey("more than one key begins so" if rows else "there is no such key")
            if rows[0].revoked_at is None:
                rows[0].revoked_at = now
                bump(session, TOPIC)
            return _record(rows[0])

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
        query = select(KeyRow).order_by(KeyRow.created_at, KeyRow.id)
        if user is not None:
            query = query.where(KeyRow.user == user)
        with self._database.read() as session:
            return [_record(row) for row in session.scalars(query)]


def _check(user: str, name: str, days: int, models: Collection[str] | None) -> None:
    for what, text in (("a user", user), ("a name", name)):
        if not text.isprintable() or len(text) > MAX_TEXT or text != text.strip():
            raise ValueError(f"{what} is at most {MAX_TEXT} printable characters: {text[:80]!r}")
    if not user:
        raise ValueError("a key needs a user")
    if not 1 <= days <= MAX_DAYS:
        raise ValueError(f"a key lives from 1 to {MAX_DAYS} days, not {days}")
    if models is not None and not all(models):
        raise ValueError("the name of a model is not empty")
    if models is not None and not models:
        raise ValueError("a key that is limited to no model is of no use")


def _wanted(id_or_prefix: str) -> str:
    if has_valid_form(id_or_prefix):
        return key_id(id_or_prefix)
    wanted = id_or_prefix.removeprefix(PREFIX)
    if len(wanted) < _LEAST_PREFIX:
        raise NoSuchKey(f"at least the first {_LEAST_PREFIX} characters of the id are needed")
    return wanted


def _begins_with(wanted: str) -> ColumnElement[bool]:
    # LIKE would ignore case in SQLite, and read % and _ as wildcards.
    return func.substr(KeyRow.id, 1, len(wanted)) == wanted


def _record(row: KeyRow) -> KeyRecord:
    return KeyRecord(
        id=row.id,
        user=row.user,
        name=row.name,
        models=tuple(row.models) if row.models is not None else None,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
