"""`kscope users groups`, `admin`, `disable` and `enable`: in force within a second."""

import click

from web.commands.users.desk import open_desk, tell
from web.identity.accounts import Source
from web.terminal import AS_JSON


@click.command()
@click.argument("name")
@click.argument("groups", nargs=-1, metavar="[GROUP]...")
@click.option("--none", is_flag=True, help="No group at all.")
@AS_JSON
def groups(name: str, groups: tuple[str, ...], none: bool, as_json: bool) -> None:
    """Put a user into these groups, and into no others."""
    if bool(groups) == none:
        raise click.UsageError("name the groups, or --none")
    with open_desk() as desk:
        account = desk.store.set_groups(name, groups)
        desk.note("user.groups", name, groups=account.groups)
    if account.source is Source.LDAP:
        click.echo("the directory sets its own groups again at the next login or sync", err=True)
    shown = ", ".join(sorted(account.groups)) or "no group"
    tell(account, f"user {name} is in: {shown}", as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--off", is_flag=True, help="No administrator any more.")
@AS_JSON
def admin(name: str, off: bool, as_json: bool) -> None:
    """Make a user an administrator; the first one is made here."""
    with open_desk() as desk:
        account = desk.store.set_admin(name, not off)
        desk.note("user.admin", name, is_admin=account.is_admin)
    words = "is no administrator" if off else "is an administrator"
    tell(account, f"user {name} {words}", as_json=as_json)


@click.command()
@click.argument("name")
@AS_JSON
def disable(name: str, as_json: bool) -> None:
    """Void all keys of a user, and refuse their login, until `enable`."""
    with open_desk() as desk:
        account = desk.store.disable(name, desk.note.actor, desk.clock())
        desk.note("user.disable", name)
    tell(account, f"disabled: user {name}; their keys are refused within a second", as_json=as_json)


@click.command()
@click.argument("name")
@AS_JSON
def enable(name: str, as_json: bool) -> None:
    """Take `disable` back; keys that are neither expired nor revoked work again."""
    with open_desk() as desk:
        account = desk.store.enable(name)
        desk.note("user.enable", name)
    tell(account, f"enabled: user {name}", as_json=as_json)
