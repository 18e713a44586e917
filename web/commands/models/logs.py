"""`kscope models logs`: what an instance's job printed, once or as it comes."""

import json
import logging

import click

from slurm.cluster import Cluster
from slurm.errors import LogUnavailable
from web import terminal
from web.commands.models.desk import Desk, open_desk
from web.commands.models.tail import last, settled, unseen
from web.fleet.states import Instance, InstanceState
from web.terminal import AS_JSON, harmless

FOLLOW_INTERVAL_S = 2.0
# Enough that an engine hardly ever writes more between two looks.
WINDOW_BYTES = 65536
MOST_BYTES = 1 << 20


@click.command()
@click.argument("name", metavar="NAME|INSTANCE_ID")
@click.option("--follow", "-f", is_flag=True, help="Show what comes, until the instance is over.")
@click.option("--bytes", "max_bytes", type=click.IntRange(1, MOST_BYTES), default=WINDOW_BYTES,
              show_default=True, help="How much of the log's end to show.")  # fmt: skip
@AS_JSON
def logs(name: str, follow: bool, max_bytes: int, as_json: bool) -> None:
    """Show what an instance's job printed.

    NAME means the model's newest instance, also one that has just failed.
    """
    # Only here: with it comes all that the fleet process needs.
    from web.fleet.process import open_cluster

    # It tells with a traceback what we tell in words.
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
    with open_desk() as desk:
        instance = _instance(desk, name)
        cluster = open_cluster(desk.settings)
        try:
            if follow:
                _follow(desk, cluster, instance, max_bytes, as_json)
            else:
                _show(instance, cluster.read_log(instance.id, max_bytes), as_json)
        except LogUnavailable as error:
            raise click.ClickException(_why_none(instance, cluster, error)) from error
        except KeyboardInterrupt:
            return
        finally:
            cluster.close()


def _instance(desk: Desk, name: str) -> Instance:
    target = desk.target(name)
    if target.instance is not None:
        return target.instance
    if not target.instances:
        raise click.ClickException(f"{target.model} has had no instance yet, so there is no log")
    return target.instances[0]


def _follow(
    desk: Desk, cluster: Cluster, instance: Instance, max_bytes: int, as_json: bool
) -> None:
    """Show the log's end, then what is new in each look, until one after the instance's end."""
    window_bytes = max(max_bytes, WINDOW_BYTES)
    shown: str | None = None
    told = ""
    while True:
        # Before the log is read: what the job printed last is then in it.
        current = desk.instances.find(instance.id) or instance
        try:
            window = settled(cluster.read_log(instance.id, window_bytes))
        except LogUnavailable as error:
            words = _why_none(current, cluster, error)
            if words != told:
                click.echo(words, err=True)
                told = words
        else:
            _show_news(instance, shown, window, max_bytes, window_bytes, as_json)
            shown = window
        if current.state.is_over:
            how = str(current.end_reason).replace("_", " ")
            click.echo(f"instance {current.id} is over: {current.state}, {how}", err=True)
            return
        terminal.pause(FOLLOW_INTERVAL_S)


def _show_news(
    instance: Instance,
    shown: str | None,
    window: str,
    max_bytes: int,
    window_bytes: int,
    as_json: bool,
) -> None:
    if shown is None:
        _show(instance, last(window, max_bytes), as_json)
        return
    news = unseen(shown, window, window_bytes)
    if news.is_broken:
        click.echo("(lines are missing here, or the log began anew)", err=True)
    if news.text:
        _show(instance, news.text, as_json)


def _show(instance: Instance, text: str, as_json: bool) -> None:
    if as_json:
        line = {"instance_id": instance.id, "model": instance.model, "job_id": instance.job_id}
        click.echo(json.dumps({**line, "text": text}))
    elif text:
        click.echo(harmless(text), nl=False)


def _why_none(instance: Instance, cluster: Cluster, error: LogUnavailable) -> str:
    if instance.state in (InstanceState.SUBMITTING, InstanceState.PENDING):
        job = f"job {instance.job_id}" if instance.job_id else "its job"
        return f"no log yet: {job} of {instance.model} has not started"
    if instance.cluster != cluster.name:
        return f"no log: the job ran on {instance.cluster}, the settings name {cluster.name}"
    return f"no log of instance {instance.id}: {error}"
