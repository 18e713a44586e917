"""What the commands on keys share: the store, the time, and how a key that is not found is told."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import click

from web.audit.scribe import Scribe, scribe_of
from web.config import Settings
from web.identity.keys import masked
from web.identity.store import KeyStore, NoSuchKey
from web.secrets import Secrets
from web.terminal import login_name, open_database


@dataclass(frozen=True, slots=True)
class Desk:
    settings: Settings
    store: KeyStore
    clock: Callable[[], datetime]
    note: Scribe


@contextmanager
def open_desk() -> Iterator[Desk]:
    settings = Settings.from_env(os.environ)
    secrets = Secrets(settings.data_dir)
    with open_database(settings) as database:
        store, note = KeyStore(database, secrets), scribe_of(database, login_name())
        yield Desk(settings, store, database.clock(), note)


@contextmanager
def told_of(key_id: str) -> Iterator[None]:
    """What goes wrong with a key, in words that repeat no secret."""
    try:
        yield
    except NoSuchKey as error:
        shown = masked(key_id) if key_id.startswith("sk-") else repr(key_id)
        raise click.ClickException(f"{shown}: {error}") from error
