"""`kscope keys create` and `rotate`: a key is shown once, alone on stdout."""

import json
from datetime import datetime, timedelta

import click
from pydantic import TypeAdapter, ValidationError

from web.catalog import Catalog, read_catalog
from web.catalog.values import Duration
from web.commands.keys.desk import open_desk, told_of
from web.commands.keys.showing import day, minute, plain
from web.config import Settings
from web.identity.accounts import AccountDisabled
from web.identity.keys import life_days
from web.identity.store import KeyRecord
from web.terminal import AS_JSON

DAYS = click.option("--days", type=int, help="Its life; see API_KEY_TTL_DAYS.")


@click.command()
@click.option("--user", required=True, help="Whose key it is; a new user gets an account.")
@click.option("--name", default="", help="What it is for.")
@DAYS
@click.option("--models", help="Limit it to these models, separated by commas.")
@click.option("--service", is_flag=True, help="For a program: may outlive API_KEY_TTL_DAYS.")
@AS_JSON
def create(
    user: str, name: str, days: int | None, models: str | None, service: bool, as_json: bool
) -> None:
    """Make a key and print it, alone on stdout; it cannot be shown again."""
    with open_desk() as desk:
        limited_to = None if models is None else _model_names(models, desk.settings)
        now = desk.clock()
        try:
            life = life_days(days, desk.settings.api_key_ttl_days, is_service=service)
            record, key = desk.store.create(user, name, life, limited_to, now, is_service=service)
            desk.note("key.create", record.id, **record.facts())
        except AccountDisabled as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    _hand_over(record, key, now, {}, as_json)


@click.command()
@click.argument("key_id", metavar="ID")
@click.option(
    "--overlap", default="24h", show_default=True, help="How long the old key still works; or 0."
)
@DAYS
@AS_JSON
def rotate(key_id: str, overlap: str, days: int | None, as_json: bool) -> None:
    """Make a key in place of the one with this ID, and print it, alone on stdout.

    It has the same owner, name, models and kind, and lives as long as the old one was meant to.
    The old one ends after the overlap, never later than it would have.
    """
    both_for = _duration(overlap)
    with open_desk() as desk, told_of(key_id):
        now = desk.clock()
        try:
            life = _same_life(desk.store.get(key_id), days, desk.settings.api_key_ttl_days)
            old, record, key = desk.store.rotate(key_id, both_for, life, now)
            desk.note("key.rotate", old.id, until=old.expires_at, by=record.id, **record.facts())
        except AccountDisabled as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            raise click.UsageError(str(error)) from error
    if not as_json:
        click.echo(f"key {old.id} works until {minute(old.expires_at)} UTC", err=True)
    _hand_over(record, key, now, {"replaces": plain(old, now)}, as_json)


def _hand_over(
    record: KeyRecord, key: str, now: datetime, more: dict[str, object], as_json: bool
) -> None:
    if as_json:
        click.echo(json.dumps({"key": key, **plain(record, now), **more}))
        return
    of = "all models" if record.models is None else ", ".join(record.models)
    click.echo(
        f"key {record.id} of {record.user}, for {of}, until {day(record.expires_at)}; "
        "it is shown only this once:",
        err=True,
    )
    click.echo(key)


def _same_life(old: KeyRecord, asked: int | None, ttl_days: int) -> int:
    if asked is not None:
        return life_days(asked, ttl_days, is_service=old.is_service)
    return old.life_days if old.is_service else min(old.life_days, ttl_days)


def _duration(text: str) -> timedelta:
    if text == "0":
        return timedelta()
    try:
        return timedelta(seconds=TypeAdapter(Duration).validate_python(text))
    except ValidationError as error:
        raise click.UsageError("--overlap is a duration, such as 30m, 24h or 7d; or 0") from error


def _model_names(text: str, settings: Settings) -> list[str]:
    """The public names behind names and aliases; a key is checked against public names."""
    catalog: Catalog = read_catalog(settings.models_file, settings.job_defaults)
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
