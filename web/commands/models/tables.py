"""The models and their instances as tables, and as JSON. Pure."""

from collections.abc import Iterator
from datetime import datetime

from web.commands.models.desk import Sight
from web.fleet.routing import Route
from web.fleet.scaling import floor_at
from web.fleet.states import Instance
from web.openai_proxy.listing import model_entry
from web.tables import table
from web.terminal import length, one_line

MODELS = ("MODEL", "STATE", "READY/WANTED", "JOB", "STARTS", "WHY")
INSTANCES = (
    "INSTANCE", "MODEL", "STATE", "JOB", "NODE", "AGE", "LEFT", "REQUESTS", "HEARTBEAT"
)  # fmt: skip


def text_of(sight: Sight, with_instances: bool) -> str:
    """The models, and under them their live instances."""
    lines = list(table(MODELS, [_model_row(route, sight) for route in sight.routes]))
    if with_instances:
        lines += ["", *_instance_lines(sight)]
    return "\n".join(lines)


def entries_of(sight: Sight, with_instances: bool) -> list[dict[str, object]]:
    """What /v1/models says of each model, how many instances it is to have, and which it has."""
    entries = []
    for route in sight.routes:
        name = route.deployment.name
        entry: dict[str, object] = {**model_entry(route, created=0)}
        entry["wanted_instances"] = wanted(route, sight)
        if with_instances:
            entry["instances"] = [instance_entry(i) for i in sight.live.get(name, ())]
        entries.append(entry)
    return entries


def wanted(route: Route, sight: Sight) -> int:
    """How many instances there are to be: those that serve or will, and what the clock asks for."""
    deployment = route.deployment
    present = sum(i.state.is_present for i in sight.live.get(deployment.name, ()))
    floor = floor_at(deployment, sight.now, lead_s=0)
    return max(present, min(floor, deployment.max_instances))


def _model_row(route: Route, sight: Sight) -> tuple[str, ...]:
    status = route.status
    return (
        route.deployment.name,
        status.phase.value,
        f"{status.ready_instances}/{wanted(route, sight)}",
        status.job_id or "-",
        _clock_time(status.estimated_start),
        one_line(status.words) or status.reason,
    )


def _instance_lines(sight: Sight) -> Iterator[str]:
    instances = [i for own in sight.live.values() for i in own]
    yield from table(INSTANCES, [_instance_row(i, sight.now) for i in instances])


def _instance_row(instance: Instance, now: datetime) -> tuple[str, ...]:
    left = instance.walltime_end
    heard = instance.heartbeat_at
    return (
        instance.id,
        instance.model,
        instance.state.value,
        instance.job_id or "-",
        instance.node or "-",
        length((now - instance.created_at).total_seconds()),
        length((left - now).total_seconds()) if left else "-",
        f"{instance.load.running}+{instance.load.waiting}",
        f"{length((now - heard).total_seconds())} ago" if heard else "-",
    )


def instance_entry(instance: Instance) -> dict[str, object]:
    """Times in ISO 8601, UTC; nothing of the tokens."""
    return {
        "id": instance.id,
        "state": instance.state.value,
        "job_id": instance.job_id,
        "cluster": instance.cluster,
        "node": instance.node,
        "created_at": iso(instance.created_at),
        "ready_at": iso(instance.ready_at),
        "walltime_end": iso(instance.walltime_end),
        "heartbeat_at": iso(instance.heartbeat_at),
        "running": instance.load.running,
        "waiting": instance.load.waiting,
    }


def iso(at: datetime | None) -> str | None:
    return at.isoformat(timespec="seconds") if at else None


def _clock_time(at: datetime | None) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else "-"
