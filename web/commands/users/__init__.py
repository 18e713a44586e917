"""`kscope users`: who may own keys and log in, and in which groups."""

import click

from web.commands.users.changing import admin, disable, enable, groups
from web.commands.users.making import create, password
from web.commands.users.showing import list_, show
from web.commands.users.syncing import sync


@click.group("users")
def command() -> None:
    """Make, see and change users: groups, administrators, who is disabled."""


for each in (create, list_, show, groups, admin, password, disable, enable, sync):
    command.add_command(each)
