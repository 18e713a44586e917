"""`kscope keys list`."""

import json

import click

from web.commands.keys.desk import open_desk
from web.commands.keys.showing import COLUMNS, plain, row
from web.tables import table
from web.terminal import AS_JSON


@click.command("list")
@click.option("--user", help="Only this user's keys.")
@AS_JSON
def list_(user: str | None, as_json: bool) -> None:
    """List keys, the newest last. The keys themselves are kept nowhere."""
    with open_desk() as desk:
        records, now = desk.store.list(user), desk.clock()
    if as_json:
        click.echo(json.dumps([plain(record, now) for record in records]))
        return
    click.echo("\n".join(table(COLUMNS, [row(record, now) for record in records])))
