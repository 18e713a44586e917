"""`kscope orphans`: jobs that carry our name and belong to no instance."""

import json
import os
from dataclasses import asdict
from datetime import datetime

import click

from web.config import Settings
from web.fleet.orphan_store import OrphanStore
from web.fleet.orphans import Orphan
from web.fleet.store import InstanceStore
from web.tables import table
from web.terminal import AS_JSON, length, open_database

COLUMNS = ("JOB", "NAME", "STATE", "NODE", "SEEN FOR", "CLUSTER", "WHOSE", "WHAT TO DO")


@click.command("orphans")
@AS_JSON
def command(as_json: bool) -> None:
    """List the cluster's jobs that carry our name but belong to no instance.

    They are what a lost database, or another gateway under the same account, leaves in the queue.
    Those that this gateway's own seal marks are ended by the fleet process, all others never.
    """
    with open_database(Settings.from_env(os.environ)) as database:
        found, now = OrphanStore(database).all(), database.clock()()
        look = InstanceStore(database).last_look()
    if as_json:
        click.echo(json.dumps([_plain(orphan) for orphan in found]))
        return
    if found:
        for line in table(COLUMNS, [_row(orphan, now) for orphan in found]):
            click.echo(line)
    else:
        click.echo("no orphans", err=True)
    click.echo(_as_of(look.succeeded_at if look else None, now), err=True)


def _row(orphan: Orphan, now: datetime) -> tuple[str, ...]:
    return (
        orphan.job_id,
        orphan.name,
        orphan.state,
        orphan.node or "-",
        length((now - orphan.first_seen_at).total_seconds()),
        orphan.cluster,
        "ours" if orphan.ours else "unknown",
        _advice(orphan),
    )


def _advice(orphan: Orphan) -> str:
    if orphan.ours:
        return "nothing: the fleet process ends it by itself"
    return f"if no other gateway uses it: scancel {orphan.job_id}"


def _as_of(looked_at: datetime | None, now: datetime) -> str:
    if looked_at is None:
        return "the cluster has not been looked at yet"
    return f"as of the last look at the cluster, {length((now - looked_at).total_seconds())} ago"


def _plain(orphan: Orphan) -> dict[str, object]:
    """Times in ISO 8601, UTC."""
    return {
        **asdict(orphan),
        "first_seen_at": orphan.first_seen_at.isoformat(timespec="seconds"),
        "last_seen_at": orphan.last_seen_at.isoformat(timespec="seconds"),
        "advice": _advice(orphan),
    }
