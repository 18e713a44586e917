"""What there is to know of a model beside how it stands: its size, and when it comes and goes."""

from dataclasses import dataclass
from datetime import datetime

from slurm.walltime import seconds_of
from web.fleet.routing import Route
from web.portal.shown.admin_warm import warm_lines
from web.portal.shown.models import context_length
from web.portal.words import number, plural, span


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    words: str


def facts(route: Route, now: datetime) -> list[Fact]:
    """In the order in which people ask. What is not known is left out."""
    deployment = route.deployment
    told = [
        ("Other names", ", ".join(deployment.aliases)),
        ("Context length", _context(route)),
        ("Runs on", _size(deployment.gpus, deployment.nodes)),
        ("Instances", _instances(deployment.min_instances, deployment.max_instances)),
        ("Kept ready", _warm(route, now)),
        ("Stops", _stops(deployment.idle_timeout_s, deployment.min_instances)),
        ("Time limit", _limit(deployment.time_limit)),
    ]
    return [Fact(name, words) for name, words in told if words]


def _context(route: Route) -> str:
    length = context_length(route)
    return f"{number(length)} tokens, for prompt and answer together" if length else ""


def _size(gpus: int, nodes: int) -> str:
    """Slurm counts GPUs per job, and a job may have several nodes."""
    where = f" on {plural(nodes, 'node')}" if nodes > 1 else ""
    return f"{plural(gpus, 'GPU')}{where} for each instance" if gpus else ""


def _instances(least: int, most: int) -> str:
    return f"{least} to {most}, by how much it is used" if most > least else f"{most}"


def _warm(route: Route, now: datetime) -> str:
    name = route.deployment.name
    lines = warm_lines([name], {name: route}, now)
    windows = [w for line in lines for w in line.windows]
    always = (
        [f"always ({route.deployment.min_instances})"] if route.deployment.min_instances else []
    )
    told = [f"{w.days} {w.hours} {w.timezone} ({w.instances})" for w in windows]
    return "; ".join((*always, *told))


def _stops(idle_s: float | None, least: int) -> str:
    if idle_s is None:
        return "never by itself"
    rest = f", down to {least}" if least else ""
    return f"after {span(idle_s)} without a request{rest}"


def _limit(text: str | None) -> str:
    try:
        limit_s = seconds_of(text)
    except ValueError:
        return ""
    return (
        f"each instance runs for {span(limit_s)} at most; while it is used, another takes over"
        if limit_s
        else ""
    )
