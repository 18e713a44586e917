"""The routing snapshot and the choice of an instance. Pure.

A snapshot is immutable and replaced whole, so a request that holds one sees one world.
"""

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from web.catalog.deployment import Deployment
from web.catalog.loader import Catalog
from web.fleet.policy import Policy
from web.fleet.states import Instance
from web.fleet.status import ModelStatus, describe

# No target gets more than this many times its fair share for the sake of affinity.
BOUNDED_LOAD = 1.25


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request can go. The key is the engine's own: only that engine accepts it."""

    instance_id: str
    netloc: str  # node:port
    engine_key: str
    # Its job's walltime, epoch seconds.
    ends_at: float = math.inf


@dataclass(frozen=True, slots=True)
class Route:
    deployment: Deployment
    targets: tuple[Target, ...]
    status: ModelStatus


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Public name or alias -> route; `names` keeps the catalog's order, without aliases."""

    routes: Mapping[str, Route]
    names: tuple[str, ...]


def build_snapshot(
    catalog: Catalog,
    live: Iterable[Instance],
    history: Mapping[str, tuple[Instance, ...]],
    engine_key_of: Callable[[Instance], str],
    now: datetime,
    policy: Policy,
    retried: Mapping[str, datetime] = {},
) -> Snapshot:
    """`retried`: when an administrator last had a model's failed launches forgotten."""
    by_model: dict[str, list[Instance]] = {}
    for instance in live:
        by_model.setdefault(instance.model, []).append(instance)
    routes: dict[str, Route] = {}
    names: list[str] = []
    for deployment in catalog:
        own = tuple(by_model.get(deployment.name, ()))
        route = Route(
            deployment,
            tuple(_target(i, engine_key_of) for i in own if i.is_routable),
            describe(
                own,
                history.get(deployment.name, ()),
                now,
                policy,
                deployment.fingerprint,
                retried.get(deployment.name),
            ),
        )
        names.append(deployment.name)
        for name in (deployment.name, *deployment.aliases):
            routes[name] = route
    return Snapshot(routes, tuple(names))


def choose(
    targets: Iterable[Target],
    load: Mapping[str, int],
    *,
    excluded: Collection[str] = (),
    cap: int | None = None,
    affinity: bytes | None = None,
    until: float = -math.inf,
) -> Target | None:
    """The target with the least load; None when none may take one more request.

    `load` counts requests by instance. With `affinity` the same bytes lead to the same target as
    long as that has its fair share at most (consistent hashing with bounded loads, by rendezvous:
    a target that comes or goes moves only its own share of the keys). A target whose job ends
    before `until` (epoch seconds) is taken only when all do: a long answer would be cut there.
    """
    open_targets = [
        t
        for t in targets
        if t.instance_id not in excluded and (cap is None or load.get(t.instance_id, 0) < cap)
    ]
    if len(open_targets) > 1:
        open_targets = [t for t in open_targets if t.ends_at > until] or open_targets
    if affinity is None or len(open_targets) < 2:
        return min(open_targets, key=lambda t: load.get(t.instance_id, 0), default=None)
    total = sum(load.get(t.instance_id, 0) for t in open_targets)
    fair = math.ceil((total + 1) / len(open_targets) * BOUNDED_LOAD)
    below = [t for t in open_targets if load.get(t.instance_id, 0) < fair]
    return max(below or open_targets, key=lambda t: _rank(affinity, t))


def _rank(affinity: bytes, target: Target) -> bytes:
    return hashlib.blake2b(affinity, digest_size=8, key=target.instance_id.encode()).digest()


def _target(instance: Instance, engine_key_of: Callable[[Instance], str]) -> Target:
    ends_at = instance.walltime_end.timestamp() if instance.walltime_end else math.inf
    netloc = f"{instance.node}:{instance.port}"
    return Target(instance.id, netloc, engine_key_of(instance), ends_at)
