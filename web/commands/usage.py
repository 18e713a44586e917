"""`kscope usage`: who used what, and how much of it."""

import os
from datetime import UTC

import click
import msgspec
from tzlocal import get_localzone

from web.config import Settings
from web.terminal import AS_JSON, open_database
from web.usage.asking import BY_DEFAULT, Asked
from web.usage.opening import usage_desk
from web.usage.rendering import as_csv, as_table
from web.usage.report import UsageReport

_TIMES = "2026-11, 2026-11-01, 2026-11-01T14, ISO 8601, or so long ago: 12h, 30d"


@click.command("usage")
@click.option(
    "--by",
    default=BY_DEFAULT,
    show_default=True,
    help="What to tell it by, in that order: user, key, model, month, day, hour. Empty: one sum.",
)
@click.option("--since", default="", help=f"From when on. {_TIMES}.")
@click.option("--until", default="", help="Before when, written likewise.")
@click.option("--user", default="", help="Only this user's.")
@click.option("--key", default="", help="Only this key's, by its public id.")
@click.option("--model", default="", help="Only this model's, by its public name.")
@click.option("--utc", is_flag=True, help="Times, days and months in UTC instead of local time.")
@AS_JSON
@click.option("--csv", "as_csv_", is_flag=True, help="For spreadsheets: plain numbers, no total.")
def command(utc: bool, as_json: bool, as_csv_: bool, **asked: str) -> None:
    """Tell requests, errors, tokens, latency, GPU-hours and, with GPU_HOUR_PRICE, their cost.

    Usage is kept by hours. Tokens of requests that broke off are estimated; ESTIMATED says how many
    of the tokens that is. GPU-hours of each day are shared out by the tokens of that day; those of
    days without any are (unused).
    """
    if as_json and as_csv_:
        raise click.UsageError("--json or --csv, not both")
    told = _report(Asked(**asked), utc)
    if as_json:
        click.echo(msgspec.json.encode(told))
    elif as_csv_:
        click.echo(as_csv(told), nl=False)
    else:
        click.echo("\n".join(as_table(told)))


def _report(asked: Asked, utc: bool) -> UsageReport:
    zone = UTC if utc else get_localzone()
    settings = Settings.from_env(os.environ)
    with open_database(settings) as database:
        clock = database.clock()
        try:
            by, question = asked.read(clock(), zone)
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        return usage_desk(settings, database, clock).report(by, question, zone)
