"""`kscope models launch`: ask for a model as a request would, and follow it until it is ready."""

import json
import sys
import time

import click

from web import terminal
from web.commands.models.desk import Desk, open_desk
from web.commands.models.progress import Progress, Stage, progress
from web.commands.models.tables import iso
from web.terminal import AS_JSON, INTERRUPTED, TIMED_OUT

POLL_S = 0.5
# Well within the time after which demand that nobody renews is forgotten.
RENEW_S = 20.0
_CODES = {Stage.READY: 0, Stage.UNAVAILABLE: 1}


@click.command()
@click.argument("name")
@click.option("--wait", is_flag=True, help="Wait until it is ready; tells each step on stderr.")
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), metavar="SECONDS",
              help="With --wait: for how long at most; default: as long as it takes.")  # fmt: skip
@AS_JSON
def launch(name: str, wait: bool, timeout_s: float | None, as_json: bool) -> None:
    """Ask for a model, as a request for it would.

    With --wait it ends with 0 when the model is ready, with 1 and the cause when launches of it are
    given up, with 124 when the time is over; what was asked for goes on. With --json each step is
    one line on stdout.
    """
    if timeout_s is not None and not wait:
        raise click.UsageError("--timeout goes with --wait")
    with open_desk() as desk:
        target = desk.target(name)
        if target.instance is not None:
            raise click.UsageError(f"{name} is an instance of {target.model}; name the model")
        if desk.look().route(target.model) is None:
            raise click.UsageError(f"{target.model} has left the catalog; it cannot be launched")
        desk.ask_for(target.model, requests=1)
        desk.note("model.launch", target.model)
        if not wait:
            _tell(target.model, _progress(desk, target.model), as_json)
            return
        try:
            code = _follow(desk, target.model, timeout_s, as_json)
        except KeyboardInterrupt:
            click.echo(f"{target.model} stays asked for", err=True)
            code = INTERRUPTED
    sys.exit(code)


def _follow(desk: Desk, model: str, timeout_s: float | None, as_json: bool) -> int:
    """Tell each change of progress; the exit code."""
    began = renewed = time.monotonic()
    told: tuple[object, ...] | None = None
    while True:
        step = _progress(desk, model)
        if step.key != told:
            _tell(model, step, as_json)
            told = step.key
        if step.stage in _CODES:
            return _finish(model, step.stage)
        now = time.monotonic()
        if timeout_s is not None and now - began >= timeout_s:
            click.echo(f"{model} is not ready within {timeout_s:g} s; it stays asked for", err=True)
            return TIMED_OUT
        if now - renewed >= RENEW_S:
            desk.ask_for(model, requests=0)
            renewed = now
        terminal.pause(POLL_S)


def _finish(model: str, stage: Stage) -> int:
    if stage is Stage.UNAVAILABLE:
        advice = f"correct its entry in the catalog, or say `kscope models retry {model}`"
        click.echo(f"it is not launched again by itself: {advice}", err=True)
    return _CODES[stage]


def _progress(desk: Desk, model: str) -> Progress:
    sight = desk.look()
    route = sight.route(model)
    if route is None:
        raise click.ClickException(f"{model} has left the catalog meanwhile")
    return progress(route, sight.live.get(model, ()), desk.holder(), sight.now)


def _tell(model: str, step: Progress, as_json: bool) -> None:
    if not as_json:
        click.echo(f"{model}: {step.words}", err=True)
        return
    status = step.status
    line = {
        "at": iso(step.at),
        "model": model,
        "stage": step.stage.value,
        "message": step.words,
        "job_id": status.job_id,
        "reason": status.reason or None,
        "estimated_start": iso(status.estimated_start),
        "estimated_ready": iso(status.estimated_ready),
    }
    click.echo(json.dumps(line))
