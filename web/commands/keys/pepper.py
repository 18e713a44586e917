"""`kscope keys rotate-pepper`."""

import json
from collections import Counter

import click

from web.commands.keys.desk import open_desk
from web.commands.keys.showing import state
from web.secrets import add_pepper
from web.terminal import AS_JSON


@click.command("rotate-pepper")
@AS_JSON
def rotate_pepper(as_json: bool) -> None:
    """Keep the digests of new keys with a new pepper.

    Keys made before go on working with the pepper they were made with, until they expire or are
    rotated; `keys list --json` tells each key's version. Several hosts must be given the new
    secrets.json before they see a key that was made with it.
    """
    with open_desk() as desk:
        version = add_pepper(desk.settings.data_dir)
        desk.note("secrets.rotate_pepper", f"pepper {version}")
        records, now = desk.store.list(), desk.clock()
    in_use = Counter(
        r.pepper_version for r in records if state(r, now) in ("active", "owner disabled")
    )
    if as_json:
        click.echo(json.dumps({"current": version, "keys_by_version": in_use}))
        return
    click.echo(f"pepper {version} is current from now on")
    for older, keys in sorted(in_use.items()):
        click.echo(f"pepper {older}: still in use by {keys} keys", err=True)
