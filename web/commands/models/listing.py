"""`kscope models list`: what is true of each model, once or live."""

import json

import click

from web.commands.models.desk import Desk, open_desk
from web.commands.models.tables import entries_of, text_of
from web.database import StorageError, why
from web.terminal import AS_JSON, repeat


@click.command("list")
@click.option("-v", "--instances", is_flag=True, help="Show every live instance too.")
@click.option("--watch", is_flag=True, help="Show it again and again, until Ctrl-C.")
@click.option("--every", "every_s", type=click.FloatRange(min=0.2), default=2.0, metavar="SECONDS",
              show_default=True, help="How often --watch looks.")  # fmt: skip
@AS_JSON
def list_(instances: bool, watch: bool, every_s: float, as_json: bool) -> None:
    """List the models, running or not.

    READY/WANTED counts instances; STARTS is when Slurm expects to start a job that waits. With
    --watch and --json each look is one line.
    """
    with open_desk() as desk:
        if not watch:
            click.echo(_shown(desk, instances, as_json))
        elif as_json:
            repeat(lambda: _shown(desk, instances, as_json=True), every_s)
        else:
            repeat(lambda: _block(desk, instances, every_s), every_s)


def _shown(desk: Desk, with_instances: bool, as_json: bool) -> str:
    sight = desk.look()
    if as_json:
        return json.dumps(entries_of(sight, with_instances))
    return text_of(sight, with_instances)


def _block(desk: Desk, with_instances: bool, every_s: float) -> str:
    """The table under a line of its own; an outage of the database passes like any other state."""
    try:
        told = f"{_shown(desk, with_instances, as_json=False)}\n{_remarks(desk)}\n"
    except StorageError as error:
        told = f"the database cannot be used: {why(error)}"
    at = desk.clock().astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"{at}, every {every_s:g} s\n\n{told}"


def _remarks(desk: Desk) -> str:
    """What of the gateway itself stands in the way of what the table promises."""
    remarks = [f"not in use yet: {fault}" for fault in desk.catalog_faults]
    if desk.holder() is None:
        remarks.append("no fleet process holds the lock: nothing is launched or ended just now")
    return "".join(f"\n{remark}" for remark in remarks)
