"""`kscope models drain | stop | retry`: orders, which the fleet process carries out.

An order is kept in the database, so it outlives this command and whatever befalls the gateway.
"""

import json
import sys
import time
from collections.abc import Callable

import click

from web import terminal
from web.commands.models.desk import Desk, open_desk
from web.commands.models.tables import iso
from web.commands.models.targets import Target
from web.fleet.order_store import OrderRecord
from web.fleet.orders import OrderKind
from web.fleet.states import Instance
from web.terminal import AS_JSON, INTERRUPTED, TIMED_OUT

POLL_S = 0.25
# A fleet process that was killed is replaced, and its lock runs out, within less.
LEADERLESS_S = 10.0
DEFAULT_TIMEOUT_S = 60.0

Command = Callable[..., None]


def _waiting(command: Command) -> Command:
    """The options of every order."""
    for option in (
        AS_JSON,
        click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), metavar="SECONDS",
                     default=DEFAULT_TIMEOUT_S, show_default=True,
                     help="How long to wait until it is carried out."),
        click.option("--wait/--no-wait", default=True, show_default=True,
                     help="Wait until the fleet process has carried it out."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.command()
@click.argument("name", metavar="NAME|INSTANCE_ID")
@_waiting
def drain(name: str, wait: bool, timeout_s: float, as_json: bool) -> None:
    """End a model, or one instance, when its requests are done.

    It gets no new requests. A model that is still wanted is launched anew.
    """
    with open_desk() as desk:
        target = _live_target(desk, name)
        code = _order(desk, OrderKind.DRAIN, target, wait, timeout_s, as_json)
    sys.exit(code)


@click.command()
@click.argument("name", metavar="NAME|INSTANCE_ID")
@click.option("--yes", is_flag=True, help="Do not ask, even on a terminal.")
@_waiting
def stop(name: str, yes: bool, wait: bool, timeout_s: float, as_json: bool) -> None:
    """End a model, or one instance, at once.

    Requests in flight are cut off. A model that is still wanted is launched anew.
    """
    with open_desk() as desk:
        target = _live_target(desk, name)
        live = _live(target)
        if live and not yes and sys.stdin.isatty():
            click.confirm(_question(target.model, live), abort=True, err=True)
        code = _order(desk, OrderKind.STOP, target, wait, timeout_s, as_json)
    sys.exit(code)


@click.command()
@click.argument("name")
@_waiting
def retry(name: str, wait: bool, timeout_s: float, as_json: bool) -> None:
    """Forget the failed launches of a model, and launch it again."""
    with open_desk() as desk:
        target = desk.target(name)
        if target.instance is not None:
            raise click.UsageError(f"{name} is an instance of {target.model}; name the model")
        code = _order(desk, OrderKind.RETRY, target, wait, timeout_s, as_json)
    sys.exit(code)


def _live_target(desk: Desk, word: str) -> Target:
    target = desk.target(word)
    instance = target.instance
    if instance is not None and instance.state.is_over:
        how = f"{instance.state}, {str(instance.end_reason).replace('_', ' ')}"
        raise click.ClickException(f"instance {instance.id} of {target.model} is over: {how}")
    return target


def _live(target: Target) -> list[Instance]:
    """The instances that an order for `target` ends."""
    return [i for i in target.instances if not i.state.is_over and target.instance in (None, i)]


def _question(model: str, live: list[Instance]) -> str:
    requests = sum(i.load.requests for i in live)
    what = f"instance {live[0].id}" if len(live) == 1 else f"{len(live)} instances"
    cut = f", cutting off {requests} requests" if requests else ""
    return f"Stop {what} of {model} now{cut}?"


def _order(
    desk: Desk, kind: OrderKind, target: Target, wait: bool, timeout_s: float, as_json: bool
) -> int:
    """Give the order and tell what comes of it; the exit code."""
    instance_id = target.instance.id if target.instance else None
    order_id = desk.orders.give(kind, target.model, instance_id, desk.note.actor, desk.clock())
    desk.note(f"order.{kind.value}", instance_id or target.model, order=order_id)
    try:
        record = _await(desk, order_id, timeout_s if wait else 0.0)
    except KeyboardInterrupt:
        click.echo(f"order {order_id} stays", err=True)
        return INTERRUPTED
    if as_json:
        click.echo(json.dumps(_plain(record)))
    elif record.done_at is not None:
        click.echo(f"{instance_id or target.model}: {record.outcome}")
    if record.done_at is not None:
        return 0
    click.echo(_still_open(desk, record, timeout_s if wait else None), err=True)
    return TIMED_OUT if wait else 0


def _await(desk: Desk, order_id: int, timeout_s: float) -> OrderRecord:
    """The order when it is carried out, or as it is when waiting any longer makes no sense."""
    began = led = time.monotonic()
    while True:
        record = desk.orders.find(order_id)
        if record is None:
            raise click.ClickException(f"order {order_id} is gone from the database")
        now = time.monotonic()
        if desk.holder() is not None:
            led = now
        if record.done_at or now - began >= timeout_s or now - led >= LEADERLESS_S:
            return record
        terminal.pause(POLL_S)


def _still_open(desk: Desk, record: OrderRecord, waited_s: float | None) -> str:
    order = f"order {record.order.id} ({record.order.kind} {record.order.model})"
    if desk.holder() is None:
        return (
            f"{order} stays: no fleet process holds the lock just now, "
            "and it is carried out as soon as one does"
        )
    if waited_s is None:
        return f"{order} is given"
    return f"{order} stays: it was not carried out within {waited_s:g} s, and is as soon as can be"


def _plain(record: OrderRecord) -> dict[str, object]:
    return {
        "order": record.order.id,
        "kind": record.order.kind.value,
        "model": record.order.model,
        "instance_id": record.order.instance_id,
        "given_by": record.given_by,
        "given_at": iso(record.order.given_at),
        "done_at": iso(record.done_at),
        "outcome": record.outcome or None,
    }
