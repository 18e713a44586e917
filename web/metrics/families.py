"""What Prometheus is told, computed from one sight of the world. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from web.fleet.routing import Route
from web.fleet.states import Instance, InstanceState
from web.fleet.status import Phase
from web.health import Part
from web.usage.lines import Line


@dataclass(frozen=True, slots=True)
class Looked:
    """The last look at the cluster."""

    tried_at: datetime
    succeeded_at: datetime | None
    duration_s: float


@dataclass(frozen=True, slots=True)
class Sight:
    """`used`: by model, since there are accounts."""

    version: str
    parts: Mapping[str, Part]
    looked: Looked | None
    routes: tuple[Route, ...]
    live: tuple[Instance, ...]
    used: Mapping[str, Line]


def families(sight: Sight) -> Iterator[Metric]:
    yield _info(sight.version)
    yield _parts(sight.parts)
    if sight.looked is not None:
        yield from _look(sight.looked)
    yield _phases(sight.routes)
    yield _instances(sight)
    yield from _loads(sight.live)
    yield from _used(sight.used)


def _info(version: str) -> Metric:
    info = GaugeMetricFamily("kscope_info", "The gateway's version.", labels=["version"])
    info.add_metric([version], 1)
    return info


def _parts(parts: Mapping[str, Part]) -> Metric:
    words = "Whether a part of the gateway can do its work; all of them: /ready is 200."
    told = GaugeMetricFamily("kscope_part_ready", words, labels=["part"])
    for name, part in parts.items():
        told.add_metric([name], part.ok)
    return told


def _look(looked: Looked) -> Iterator[Metric]:
    name = "kscope_cluster_look"
    yield GaugeMetricFamily(
        f"{name}_timestamp_seconds", "When the cluster was last looked at.",
        value=looked.tried_at.timestamp(),
    )  # fmt: skip
    yield GaugeMetricFamily(
        f"{name}_duration_seconds", "How long that took.", value=looked.duration_s
    )
    if looked.succeeded_at is not None:
        yield GaugeMetricFamily(
            f"{name}_success_timestamp_seconds", "When such a look last succeeded.",
            value=looked.succeeded_at.timestamp(),
        )  # fmt: skip


def _phases(routes: tuple[Route, ...]) -> Metric:
    words = "1 for what is true of a model just now: " + ", ".join(Phase) + "."
    told = GaugeMetricFamily("kscope_model_phase", words, labels=["model", "phase"])
    for route in routes:
        told.add_metric([route.deployment.name, route.status.phase.value], 1)
    return told


def _instances(sight: Sight) -> Metric:
    words = "Instances that have not ended, by state."
    told = GaugeMetricFamily("kscope_instances", words, labels=["model", "state"])
    counts = Counter((each.model, each.state) for each in sight.live)
    models = {route.deployment.name for route in sight.routes} | {m for m, _ in counts}
    states = [state for state in InstanceState if not state.is_over]
    for model in sorted(models):
        # Zeros too: a series that ends where a number falls to nothing looks like a failed scrape.
        for state in states:
            told.add_metric([model, state.value], counts[model, state])
    return told


def _loads(live: tuple[Instance, ...]) -> Iterator[Metric]:
    labels = ["model", "instance"]
    running = GaugeMetricFamily(
        "kscope_instance_requests_running", "Requests that the engine works on.", labels=labels
    )
    waiting = GaugeMetricFamily(
        "kscope_instance_requests_waiting", "Requests that wait within the engine.", labels=labels
    )
    cache = GaugeMetricFamily(
        "kscope_instance_kv_cache_usage", "The used part of its cache, 0 to 1.", labels=labels
    )
    for each in live:
        if each.is_routable:
            names = [each.model, each.id]
            running.add_metric(names, each.load.running)
            waiting.add_metric(names, each.load.waiting)
            cache.add_metric(names, each.load.kv_cache_usage)
    yield from (running, waiting, cache)


_COUNTED: tuple[tuple[str, str, Callable[[Line], float]], ...] = (
    ("requests", "Requests that reached an engine, or should have.", lambda u: u.requests),
    ("request_errors", "Of those, answered with an error.", lambda u: u.errors),
    ("requests_aborted", "Of those, left by their clients.", lambda u: u.aborted),
    ("request_seconds", "How long they took, together.", lambda u: u.duration_s),
    ("prompt_tokens", "Tokens read.", lambda u: u.prompt_tokens),
    ("cached_tokens", "Of those, from the engines' caches.", lambda u: u.cached_tokens),
    ("completion_tokens", "Tokens written.", lambda u: u.completion_tokens),
)


def _used(used: Mapping[str, Line]) -> Iterator[Metric]:
    for name, words, value in _COUNTED:
        told = CounterMetricFamily(f"kscope_{name}", words, labels=["model"])
        for model, line in sorted(used.items()):
            told.add_metric([model], value(line))
        yield told
