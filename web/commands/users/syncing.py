"""`kscope users sync`: the directory is asked now, not at the next full hour."""

import json
import os
import socket

import click

from web.config import Settings
from web.identity.account_store import AccountStore
from web.identity.directory import DirectoryUnavailable
from web.identity.directory.opening import open_directory
from web.identity.sync import Sync, Synced, TooManyGone
from web.identity.sync_store import SyncStore
from web.terminal import AS_JSON, open_database


@click.command()
@click.option("--believe", is_flag=True, help="Even if a good part of all users are gone.")
@AS_JSON
def sync(believe: bool, as_json: bool) -> None:
    """Ask the directory about every user who owns a usable key.

    Who is gone or disabled there loses the keys at once, who is back gets them back. The gateway
    does the same by itself every hour.
    """
    settings = Settings.from_env(os.environ)
    with open_database(settings) as database:
        clock = database.clock()
        directory = open_directory(settings, AccountStore(database), clock)
        desk = Sync(directory, SyncStore(database), clock, socket.gethostname())
        if not desk.is_needed:
            raise click.ClickException("with LOGIN=local there is no directory to ask")
        try:
            synced = desk.once(believe_all=believe)
        except TooManyGone as error:
            raise click.ClickException(f"nobody was changed: {error}") from error
        except DirectoryUnavailable as error:
            raise click.ClickException(
                f"nobody was changed, the directory cannot be asked: {error}"
            ) from error
    click.echo(json.dumps(_plain(synced)) if as_json else "\n".join(_lines(synced)))


def _plain(synced: Synced) -> dict[str, object]:
    return {
        "asked": synced.asked,
        "disabled": list(synced.disabled),
        "enabled": list(synced.enabled),
        "unclear": list(synced.unclear),
    }


def _lines(synced: Synced) -> list[str]:
    return [
        f"asked about {synced.asked} users",
        *(f"disabled: {name}" for name in synced.disabled),
        *(f"enabled: {name}" for name in synced.enabled),
        *(f"left as it was, the directory is not clear about it: {name}"
          for name in synced.unclear),
    ]  # fmt: skip
