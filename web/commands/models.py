"""`kscope models`: what is true of each model."""

import json
import os
from datetime import datetime

import click

from web.catalog.file import CatalogFile
from web.clock import utc_now
from web.config import Settings
from web.database import Database
from web.fleet.policy import Policy
from web.fleet.routing import Route, Snapshot, build_snapshot
from web.fleet.store import InstanceStore
from web.openai_proxy.listing import model_entry
from web.tables import table

COLUMNS = ("MODEL", "STATE", "READY", "JOB", "STARTS", "WHY")


@click.group("models")
def command() -> None:
    """See the models of the catalog and how they are."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="For machines: JSON on stdout.")
def list_(as_json: bool) -> None:
    """List the models, running or not."""
    settings = Settings.from_env(os.environ)
    snapshot = _snapshot(settings)
    routes = [snapshot.routes[name] for name in snapshot.names]
    if as_json:
        click.echo(json.dumps([model_entry(route, created=0) for route in routes]))
        return
    for line in table(COLUMNS, [_row(route) for route in routes]):
        click.echo(line)


def _snapshot(settings: Settings) -> Snapshot:
    database = Database(settings.database_url)
    store = InstanceStore(database)
    try:
        live, history = store.live(), store.history()
    finally:
        database.close()
    catalog = CatalogFile.for_settings(settings).current()
    # Nobody is asked anything here, so no engine's key is needed.
    return build_snapshot(catalog, live, history, lambda _: "", utc_now(), Policy())


def _row(route: Route) -> tuple[str, ...]:
    status = route.status
    why = status.words.strip().splitlines()[-1:] or [status.reason]
    starts = _clock_time(status.estimated_start)
    ready = str(status.ready_instances)
    return route.deployment.name, status.phase.value, ready, status.job_id or "-", starts, why[0]


def _clock_time(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else "-"
