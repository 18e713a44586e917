"""`kscope audit`: who did what, when and from where."""

import json
import os
from datetime import UTC, datetime

import click

from web.audit.entries import Entry
from web.audit.store import MOST_ENTRIES, AuditLog, Wanted
from web.config import Settings
from web.tables import csv_lines, table
from web.terminal import AS_JSON, open_database
from web.usage.periods import read_time

COLUMNS = ("ID", "WHEN", "WHO", "FROM", "DID", "TO", "MORE")


@click.command("audit")
@click.option("--actor", help="Only of this one: a user, cli:LOGIN, fleet or worker.")
@click.option("--action", help="Only this: login.failed; or a family of them: login.")
@click.option("--subject", help="Only what was done to this: a key's id, a user, an instance, …")
@click.option("--since", metavar="TIME", help="2026-11, 2026-11-01T14:00, 12h or 30d; in UTC.")
@click.option("--until", metavar="TIME", help="Up to this time, in UTC.")
@click.option("--limit", type=click.IntRange(1, MOST_ENTRIES), default=100, show_default=True)
@click.option("--before", "before_id", type=int, metavar="ID", help="Only what is older than this.")
@click.option("--csv", "as_csv", is_flag=True, help="For spreadsheets: CSV on stdout.")
@AS_JSON
def command(
    limit: int,
    before_id: int | None,
    since: str | None,
    until: str | None,
    as_csv: bool,
    as_json: bool,
    **equal: str | None,
) -> None:
    """Show the audit log, the newest first: logins, keys, administration, launches and stops.

    Entries are never changed and never removed.
    """
    if as_csv and as_json:
        raise click.UsageError("--csv or --json, not both")
    with open_database(Settings.from_env(os.environ)) as database:
        now = database.clock()()
        wanted = Wanted(**equal, since=_time(since, now), until=_time(until, now))
        found = AuditLog(database).query(wanted, limit, before_id)
    if as_json:
        click.echo(json.dumps([_plain(entry) for entry in found]))
        return
    lines = csv_lines if as_csv else table
    for line in lines(COLUMNS, [_row(entry) for entry in found]):
        click.echo(line)
    if len(found) == limit:
        click.echo(f"there may be more: --before {found[-1].id}", err=True)


def _time(text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else read_time(text, now, UTC)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _row(entry: Entry) -> tuple[str, ...]:
    return (
        str(entry.id),
        entry.at.strftime("%Y-%m-%d %H:%M:%S"),
        entry.actor or "-",
        entry.origin or "-",
        entry.action,
        entry.subject or "-",
        ", ".join(f"{name}: {_words(value)}" for name, value in entry.detail.items()),
    )


def _words(value: object) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value)) or "-"
    return "-" if value in (None, "") else str(value)


def _plain(entry: Entry) -> dict[str, object]:
    """Times in ISO 8601, UTC."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "origin": entry.origin,
        "action": entry.action,
        "subject": entry.subject,
        "detail": dict(entry.detail),
    }
