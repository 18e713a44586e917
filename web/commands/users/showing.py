"""`kscope users list` and `show`."""

import json
from datetime import datetime

import click

from web.commands.users.desk import open_desk, plain, state
from web.identity.accounts import Account, NoSuchAccount
from web.tables import table
from web.terminal import AS_JSON

COLUMNS = ("NAME", "SOURCE", "STATE", "ADMIN", "LAST LOGIN", "GROUPS")


@click.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """List users by name."""
    with open_desk() as desk:
        accounts = desk.store.list()
    if as_json:
        click.echo(json.dumps([plain(account) for account in accounts]))
    else:
        click.echo("\n".join(table(COLUMNS, [_row(account) for account in accounts])))


@click.command()
@click.argument("name")
@AS_JSON
def show(name: str, as_json: bool) -> None:
    """Show all that is kept of a user, but for the password's hash."""
    with open_desk() as desk:
        account = desk.store.find(name)
        if account is None:
            raise NoSuchAccount(name)
    if as_json:
        click.echo(json.dumps(plain(account)))
        return
    for member, value in plain(account).items():
        click.echo(f"{member}: {_words(value)}")


def _row(account: Account) -> tuple[str, ...]:
    return (
        account.name,
        account.source.value,
        state(account),
        "yes" if account.is_admin else "no",
        _day(account.last_login_at),
        ",".join(sorted(account.groups)) or "-",
    )


def _day(at: datetime | None) -> str:
    return at.date().isoformat() if at else "never"


def _words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(value) or "-"
        case None:
            return "-"
        case _:
            return str(value)
