"""Accounts in the database. Every change voids what the gateway's processes remember of keys."""

import builtins
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from web.database import Database, bump
from web.identity.accounts import (
    DIRECTORY,
    Account,
    AccountDisabled,
    AccountExists,
    NoSuchAccount,
    Source,
    check_groups,
    check_name,
)
from web.identity.models import SessionRow, UserRow

TOPIC = "keys"
"""Raised by every change of who may ask for what: keys, their owners, their owners' groups."""


class AccountStore:
    """Raises StorageError when the database is away, and NoSuchAccount where a name is unknown.

    Each change raises TOPIC first: its row is locked until the commit, so that two changes at
    the same time come one after the other.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        name: str,
        source: Source | str,
        *,
        password_hash: str | None = None,
        is_admin: bool = False,
        groups: Collection[str] = (),
        now: datetime,
    ) -> Account:
        """Raises AccountExists, and ValueError for junk."""
        with self._database.write() as session:
            bump(session, TOPIC)
            row = _add(session, name, Source(source), check_groups(groups), now)
            row.password_hash, row.is_admin = password_hash, is_admin
        return account_of(row)

    def find(self, name: str) -> Account | None:
        with self._database.read() as session:
            row = _look_up(session, name)
        return account_of(row) if row is not None else None

    def list(self) -> builtins.list[Account]:
        """All of them, by name."""
        with self._database.read() as session:
            return [account_of(r) for r in session.scalars(select(UserRow).order_by(UserRow.name))]

    def is_anybody_local(self) -> bool:
        """Whether anybody could log in by a password that is kept here."""
        query = select(UserRow.name).where(UserRow.source == Source.LOCAL).limit(1)
        with self._database.read() as session:
            return session.execute(query).first() is not None

    def password_hash(self, name: str) -> str | None:
        """What a local account's password is checked against; None for every other account."""
        with self._database.read() as session:
            row = _look_up(session, name)
        return row.password_hash if row is not None and row.source == Source.LOCAL else None

    def set_password_hash(self, name: str, password_hash: str | None) -> Account:
        """With a password an account is local; without one nobody can log in by it.

        Who logged in by the old one has to log in again.
        """
        with self._database.write() as session:
            bump(session, TOPIC)
            row = _get(session, name)
            row.password_hash = password_hash
            row.source = Source.CLI if password_hash is None else Source.LOCAL
            log_out(session, name)
        return account_of(row)

    def set_groups(self, name: str, groups: Collection[str]) -> Account:
        """ValueError for junk. A directory that knows groups sets its own at the next login."""
        with self._database.write() as session:
            bump(session, TOPIC)
            row = _get(session, name)
            row.groups = sorted(check_groups(groups))
        return account_of(row)

    def set_admin(self, name: str, is_admin: bool) -> Account:
        with self._database.write() as session:
            bump(session, TOPIC)
            row = _get(session, name)
            row.is_admin = is_admin
        return account_of(row)

    def disable(self, name: str, by: str, now: datetime) -> Account:
        """All keys of it are void within a second, until it is enabled again; its sessions end.

        A person's word outlasts the directory's: see DIRECTORY.
        """
        with self._database.write() as session:
            bump(session, TOPIC)
            row = _get(session, name)
            if row.disabled_at is None:
                row.disabled_at, row.disabled_by = now, by
            elif row.disabled_by == DIRECTORY:
                row.disabled_by = by
            log_out(session, name)
        return account_of(row)

    def enable(self, name: str) -> Account:
        with self._database.write() as session:
            bump(session, TOPIC)
            row = _get(session, name)
            _enable(row)
        return account_of(row)

    def note_login(self, name: str, now: datetime) -> None:
        with self._database.write() as session:
            _get(session, name).last_login_at = now

    def vouch(
        self,
        name: str,
        groups: Collection[str] | None,
        now: datetime,
        source: Source | str | None = None,
    ) -> Account:
        """A directory knows the user, in these groups; None: it knows nothing of groups.

        With `source`, an unknown name becomes an account, and one that only owned keys becomes
        the directory's. Raises AccountExists rather than hand another source's account over, and
        AccountDisabled when a person has disabled it. TOPIC is raised only by a change, so that
        a sync of ten thousand users disturbs nobody.
        """
        with self._database.write() as session:
            row = _look_up(session, name, lock=True)
            before = None if row is None else account_of(row)
            if row is None:
                if source is None:
                    raise NoSuchAccount(name)
                row = _add(session, name, Source(source), frozenset(), now)
            elif source is not None and row.source != source:
                _hand_over(row, Source(source))
            if row.disabled_by == DIRECTORY:
                _enable(row)
            if row.disabled_at is not None:
                raise AccountDisabled(name)
            if groups is not None:
                row.groups = sorted(check_groups(groups))
            row.synced_at = now
            if before is None or _rights(before) != _rights(account_of(row)):
                bump(session, TOPIC)
        return account_of(row)


def account_of(row: UserRow) -> Account:
    return Account(
        name=row.name,
        source=Source(row.source),
        is_admin=row.is_admin,
        groups=frozenset(row.groups),
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        disabled_by=row.disabled_by,
        last_login_at=row.last_login_at,
        synced_at=row.synced_at,
    )


def owner_row(session: Session, name: str, now: datetime) -> UserRow:
    """The row of who is to own a key, made when there is none. For a transaction that bumped TOPIC.

    Raises AccountDisabled, and ValueError for junk.
    """
    row = _look_up(session, name)
    if row is None:
        return _add(session, name, Source.CLI, frozenset(), now)
    if row.disabled_at is not None:
        raise AccountDisabled(name)
    return row


def log_out(session: Session, name: str) -> None:
    """End all sessions of an account, in the transaction of what calls for it."""
    session.execute(delete(SessionRow).where(SessionRow.user == name))


def _add(
    session: Session, name: str, source: Source, groups: frozenset[str], now: datetime
) -> UserRow:
    alike = select(UserRow.name).where(func.lower(UserRow.name) == func.lower(check_name(name)))
    taken = session.scalar(alike.limit(1))
    if taken == name:
        raise AccountExists(f"there is a user {name!r} already")
    if taken is not None:
        raise AccountExists(
            f"{name!r} differs from the user {taken!r} in upper and lower case only"
        )
    row = UserRow(
        name=name,
        source=source,
        password_hash=None,
        is_admin=False,
        groups=sorted(groups),
        created_at=now,
        disabled_at=None,
        disabled_by="",
        last_login_at=None,
        synced_at=None,
    )
    session.add(row)
    session.flush()
    return row


def _look_up(session: Session, name: str, *, lock: bool = False) -> UserRow | None:
    # NUL and lone surrogates, which databases refuse, are not printable either.
    return session.get(UserRow, name, with_for_update=lock) if name.isprintable() else None


def _get(session: Session, name: str) -> UserRow:
    row = _look_up(session, name)
    if row is None:
        raise NoSuchAccount(name)
    return row


def _hand_over(row: UserRow, source: Source) -> None:
    if row.source == Source.LOCAL:
        raise AccountExists(
            f"{row.name!r} is a local account; without its password the directory may have it"
        )
    row.source, row.password_hash = source, None


def _enable(row: UserRow) -> None:
    row.disabled_at, row.disabled_by = None, ""


def _rights(account: Account) -> tuple[object, ...]:
    return (account.groups, account.is_disabled, account.is_admin)
