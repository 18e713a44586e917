"""`kscope keys`: make, list, rotate and revoke API keys."""

import click

from web.commands.keys.ending import revoke
from web.commands.keys.listing import list_
from web.commands.keys.making import create, rotate
from web.commands.keys.pepper import rotate_pepper


@click.group("keys")
def command() -> None:
    """Make, list, rotate and revoke API keys."""


for each in (create, list_, rotate, revoke, rotate_pepper):
    command.add_command(each)
