"""`kscope users create` and `password`. A password is never an argument: others can read those."""

import sys

import click

from web.commands.users.desk import open_desk, tell
from web.identity.accounts import Source
from web.identity.passwords import MAX_LENGTH, hash_password
from web.terminal import AS_JSON


@click.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="An administrator.")
@click.option("--groups", default="", help="Their groups, separated by commas.")
@click.option(
    "--password", is_flag=True, help="Ask for a password; without a terminal: a line of stdin."
)
@AS_JSON
def create(name: str, admin: bool, groups: str, password: bool, as_json: bool) -> None:
    """Make a user, before their first login or for LOGIN=local.

    Without a password nobody can log in by it until a directory vouches for the name.
    """
    hashed = _ask_for_password() if password else None
    wanted = [word for each in groups.split(",") if (word := each.strip())]
    with open_desk() as desk:
        account = desk.store.create(
            name,
            Source.LOCAL if hashed else Source.CLI,
            password_hash=hashed,
            is_admin=admin,
            groups=wanted,
            now=desk.clock(),
        )
        desk.note("user.create", name, is_admin=admin, groups=account.groups, password=password)
    tell(account, f"made: user {name}", as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--remove", is_flag=True, help="No password any more: nobody logs in by it.")
@AS_JSON
def password(name: str, remove: bool, as_json: bool) -> None:
    """Set a user's password; without a terminal it is read from stdin, one line.

    It makes the account a local one; a directory may have it again after --remove.
    """
    hashed = None if remove else _ask_for_password()
    with open_desk() as desk:
        account = desk.store.set_password_hash(name, hashed)
        desk.note("user.password", name, removed=remove)
    tell(account, f"{'removed' if remove else 'set'}: password of {name}", as_json=as_json)


def _ask_for_password() -> str:
    """The hash of what was typed, unseen and twice, or of the first line of stdin."""
    if sys.stdin.isatty():
        typed = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        typed = sys.stdin.readline(MAX_LENGTH + 2).removesuffix("\n").removesuffix("\r")
    try:
        return hash_password(typed)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
