"""`kscope models`: see them, start them, end them, read their logs."""

import click

from web.commands.models.launching import launch
from web.commands.models.listing import list_
from web.commands.models.logs import logs
from web.commands.models.orders import drain, retry, stop


@click.group("models")
def command() -> None:
    """See the models of the catalog, start and end them, read their logs."""


for each in (list_, launch, drain, stop, retry, logs):
    command.add_command(each)
