"""What the commands on users share: the store, the time, and how what goes wrong is told."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import click

from web.audit.scribe import Scribe, scribe_of
from web.config import Settings
from web.identity.account_store import AccountStore
from web.identity.accounts import Account, AccountExists, NoSuchAccount
from web.terminal import login_name, open_database


@dataclass(frozen=True, slots=True)
class Desk:
    store: AccountStore
    clock: Callable[[], datetime]
    note: Scribe


@contextmanager
def open_desk() -> Iterator[Desk]:
    with open_database(Settings.from_env(os.environ)) as database:
        try:
            note = scribe_of(database, login_name())
            yield Desk(AccountStore(database), database.clock(), note)
        except (NoSuchAccount, AccountExists) as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            raise click.UsageError(str(error)) from error


def plain(account: Account) -> dict[str, object]:
    """The account as JSON has it: times in ISO 8601, UTC; its password's hash is not shown."""
    return {
        "name": account.name,
        "source": account.source.value,
        "is_admin": account.is_admin,
        "groups": sorted(account.groups),
        "state": state(account),
        "created_at": account.created_at.isoformat(),
        "disabled_at": _iso(account.disabled_at),
        "disabled_by": account.disabled_by or None,
        "last_login_at": _iso(account.last_login_at),
        "synced_at": _iso(account.synced_at),
    }


def state(account: Account) -> str:
    return "disabled" if account.is_disabled else "active"


def tell(account: Account, words: str, *, as_json: bool) -> None:
    click.echo(json.dumps(plain(account)) if as_json else words)


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
