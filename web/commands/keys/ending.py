"""`kscope keys revoke`."""

import json

import click

from web.commands.keys.desk import open_desk, told_of
from web.commands.keys.showing import plain
from web.terminal import AS_JSON


@click.command()
@click.argument("key_id", metavar="ID")
@AS_JSON
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke the key with this ID; its first characters or the key itself will do too.

    It is refused within a second, by every process of the gateway.
    """
    with open_desk() as desk, told_of(key_id):
        now = desk.clock()
        record = desk.store.revoke(key_id, now)
        desk.note("key.revoke", record.id, user=record.user)
    if as_json:
        click.echo(json.dumps(plain(record, now)))
    else:
        click.echo(f"revoked: key {record.id} of {record.user}")
