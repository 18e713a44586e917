"""`kscope limits`: how much each key, user, group and model may use."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from web.audit.scribe import scribe_of
from web.config import Settings
from web.database import Database
from web.identity.store import KeyStore, NoSuchKey
from web.limits.rules import MOST, NAMES, UNLIMITED, Limits, Scope
from web.limits.store import LimitStore
from web.secrets import Secrets
from web.tables import table
from web.terminal import AS_JSON, login_name, open_database

COLUMNS = ("FOR", "NAME", "REQ/MIN", "TOK/MIN", "PARALLEL", "TOK/DAY", "TOK/MONTH", "GPUH/DAY",
           "GPUH/MONTH")  # fmt: skip
UNLIMITED_WORD, NONE_WORD = "unlimited", "none"


class LimitValue(click.ParamType):  # type: ignore[type-arg]  # not generic before click 8.3
    """A number, `unlimited`, or `none` for what is to say nothing any more."""

    name = "limit"

    def __init__(self, kind: type[int] | type[float]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        word = str(value).lower()
        if word == UNLIMITED_WORD:
            return UNLIMITED
        if word == NONE_WORD:
            return NONE_WORD
        try:
            number = self._kind(word)
        except ValueError:
            number = self._kind(-1)
        if not 0 <= number <= MOST:
            self.fail(f"{value!r} is not a number, {UNLIMITED_WORD} or {NONE_WORD}", param, ctx)
        return number

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        return "N|unlimited|none"


def _whom(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--model", help="All requests for this model together."),
        click.option("--key", help="This key, by its id."),
        click.option("--user", help="This user, with all their keys."),
        click.option("--group", help="Each member of this group."),
        click.option("--everyone", is_flag=True, help="Each user of whom no row says more."),
    ):
        command = option(command)
    return command


def _how_much(command: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(NAMES):
        kind = LimitValue(float if name.startswith("gpu") else int)
        command = click.option(f"--{name.replace('_', '-')}", name, type=kind)(command)
    return command


@click.group("limits")
def command() -> None:
    """Set and see limits: requests, tokens, parallel requests, budgets. In force in a second.

    What one user may: their own row, limit by limit; where it says nothing the most generous of
    their groups' rows, else everyone's. A key's and a model's limits hold beside these.
    """


@command.command("set")
@_whom
@_how_much
@AS_JSON
def set_(as_json: bool, **given: Any) -> None:
    """Set some limits; those that are not named stay as they are."""
    changes = {
        name: None if given[name] == NONE_WORD else given[name]
        for name in NAMES
        if given[name] is not None
    }
    if not changes:
        raise click.UsageError("name a limit, such as --requests-per-minute 60")
    with _open() as database:
        scope, name = _subject(database, given)
        limits = LimitStore(database).set(scope, name, changes)
        note = scribe_of(database, login_name())
        note("limits.set", f"{scope.value}:{name}", **_worded(changes))
    _tell(scope, name, limits, as_json=as_json)


@command.command("unset")
@_whom
@AS_JSON
def unset(as_json: bool, **given: Any) -> None:
    """Take away all that is said of one key, user, group or model."""
    with _open() as database:
        scope, name = _subject(database, given, may_be_gone=True)
        if not LimitStore(database).unset(scope, name):
            raise click.ClickException(f"no limits are set for {_called(scope, name)}")
        scribe_of(database, login_name())("limits.unset", f"{scope.value}:{name}")
    _tell(scope, name, Limits(), as_json=as_json)


@command.command("list")
@AS_JSON
def list_(as_json: bool) -> None:
    """List all limits."""
    with _open() as database:
        found = LimitStore(database).list()
    if as_json:
        click.echo(json.dumps([_plain(*row) for row in found]))
        return
    if not found:
        click.echo("no limits are set", err=True)
        return
    for line in table(COLUMNS, [_row(*row) for row in found]):
        click.echo(line)


@contextmanager
def _open() -> Iterator[Database]:
    with open_database(Settings.from_env(os.environ)) as database:
        try:
            yield database
        except NoSuchKey as error:
            raise click.ClickException(str(error)) from error
        except ValueError as error:
            raise click.UsageError(str(error)) from error


def _subject(
    database: Database, given: dict[str, Any], *, may_be_gone: bool = False
) -> tuple[Scope, str]:
    named = [scope for scope in Scope if given[scope.value]]
    if len(named) != 1:
        raise click.UsageError("name one of --user, --group, --key, --model and --everyone")
    scope = named[0]
    if scope is Scope.EVERYONE:
        return scope, ""
    name = given[scope.value]
    if scope is Scope.KEY and not (may_be_gone and len(name) == 8):
        secrets = Secrets(Settings.from_env(os.environ).data_dir)
        return scope, KeyStore(database, secrets).get(name).id
    if len(name) > 255 or not name.isprintable():
        raise click.UsageError("a name is at most 255 printable characters")
    return scope, name


def _called(scope: Scope, name: str) -> str:
    return f"{scope.value} {name}".strip()


def _plain(scope: Scope, name: str, limits: Limits) -> dict[str, object]:
    """A limit is a number, "unlimited", or null where nothing is said."""
    said = {each: getattr(limits, each) for each in NAMES}
    return {"scope": scope.value, "name": name, **_worded(said)}


def _worded(limits: Mapping[str, object]) -> dict[str, object]:
    return {each: UNLIMITED_WORD if v == UNLIMITED else v for each, v in limits.items()}


def _row(scope: Scope, name: str, limits: Limits) -> tuple[str, ...]:
    said = [getattr(limits, each) for each in NAMES]
    shown = ("-" if v is None else UNLIMITED_WORD if v == UNLIMITED else f"{v:,}" for v in said)
    return (scope.value, name or "-", *shown)


def _tell(scope: Scope, name: str, limits: Limits, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_plain(scope, name, limits)))
        return
    told = _plain(scope, name, limits)
    said = [f"{each} {told[each]}" for each in NAMES if told[each] is not None]
    click.echo(f"{_called(scope, name)}: {', '.join(said) or 'no limits'}")
