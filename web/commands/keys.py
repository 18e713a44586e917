"""`kscope keys`: make, list and revoke API keys."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from web.catalog import Catalog, read_catalog
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.identity.keys import masked
from web.identity.store import KeyRecord, KeyStore, NoSuchKey
from web.secrets import Secrets
from web.tables import table

AS_JSON = click.option("--json", "as_json", is_flag=True, help="For machines: JSON on stdout.")
COLUMNS = ("ID", "USER", "NAME", "STATE", "EXPIRES", "LAST USED", "MODELS")


@click.group("keys")
def command() -> None:
    """Make, list and revoke API keys."""


@command.command()
@click.option("--user", required=True, help="Whose key it is.")
@click.option("--name", default="", help="What it is for.")
@click.option("--days", type=int, help="Its life; default: API_KEY_TTL_DAYS.")
@click.option("--models", help="Limit it to these models, separated by commas.")
@AS_JSON
def create(user: str, name: str, days: int | None, models: str | None, as_json: bool) -> None:
    """Make a key and print it, alone on stdout; it cannot be shown again."""
    settings = Settings.from_env(os.environ)
    limited_to = None
    if models is not None:
        catalog = read_catalog(settings.models_file, settings.job_defaults)
        limited_to = _model_names(models, catalog)
    life = settings.api_key_ttl_days if days is None else days
    with _store(settings) as store:
        try:
            record, key = store.create(user, name, life, limited_to, utc_now())
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps({"key": key, **_plain(record, utc_now())}))
        return
    of = "all models" if record.models is None else ", ".join(record.models)
    click.echo(
        f"key {record.id} of {user}, for {of}, until {_day(record.expires_at)}; "
        "it is shown only this once:",
        err=True,
    )
    click.echo(key)


@command.command("list")
@click.option("--user", help="Only this user's keys.")
@AS_JSON
def list_(user: str | None, as_json: bool) -> None:
    """List keys, the newest last. The keys themselves are kept nowhere."""
    with _store(Settings.from_env(os.environ)) as store:
        records = store.list(user)
    now = utc_now()
    if as_json:
        click.echo(json.dumps([_plain(record, now) for record in records]))
        return
    for line in table(COLUMNS, [_row(record, now) for record in records]):
        click.echo(line)


@command.command()
@click.argument("key_id", metavar="ID")
@AS_JSON
def revoke(key_id: str, as_json: bool) -> None:
    """Revoke the key with this ID; its first characters or the key itself will do too.

    It is refused within a second, by every process of the gateway.
    """
    with _store(Settings.from_env(os.environ)) as store:
        try:
            record = store.revoke(key_id, utc_now())
        except NoSuchKey as error:
            shown = masked(key_id) if key_id.startswith("sk-") else repr(key_id)
            raise click.ClickException(f"{shown}: {error}") from error
    if as_json:
        click.echo(json.dumps(_plain(record, utc_now())))
    else:
        click.echo(f"revoked: key {record.id} of {record.user}")


@contextmanager
def _store(settings: Settings) -> Iterator[KeyStore]:
    secrets = Secrets(settings.data_dir)
    database = Database(settings.database_url)
    try:
        # So that a key can be made before the gateway has ever run.
        database.migrate()
        yield KeyStore(database, secrets)
    finally:
        database.close()


def _model_names(text: str, catalog: Catalog) -> list[str]:
    """The public names behind names and aliases; a key is checked against public names."""
    names = []
    for word in filter(None, (word.strip() for word in text.split(","))):
        deployment = catalog.find(word)
        if deployment is None:
            known = ", ".join(each.name for each in catalog)
            raise click.UsageError(f"no model is called {word!r}; there are: {known}")
        names.append(deployment.name)
    if not names:
        raise click.UsageError("--models names no model; leave it out to allow all")
    return names


def _state(record: KeyRecord, now: datetime) -> str:
    if record.revoked_at is not None:
        return "revoked"
    return "active" if record.principal_at(now) else "expired"


def _row(record: KeyRecord, now: datetime) -> tuple[str, ...]:
    return (
        record.id,
        record.user,
        record.name or "-",
        _state(record, now),
        _day(record.expires_at),
        _day(record.last_used_at) if record.last_used_at else "never",
        ",".join(record.models) if record.models is not None else "all",
    )


def _day(at: datetime) -> str:
    return at.date().isoformat()


def _plain(record: KeyRecord, now: datetime) -> dict[str, object]:
    """The record as JSON has it: times in ISO 8601, UTC."""
    return {
        "id": record.id,
        "user": record.user,
        "name": record.name,
        "models": list(record.models) if record.models is not None else None,
        "state": _state(record, now),
        "created_at": record.created_at.isoformat(),
        "expires_at": record.expires_at.isoformat(),
        "revoked_at": record.revoked_at.isoformat() if record.revoked_at else None,
        "last_used_at": record.last_used_at.isoformat() if record.last_used_at else None,
    }
