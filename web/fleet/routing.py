"""The routing snapshot and the choice of an instance. Pure.

A snapshot is immutable and replaced whole, so a request that holds one sees one world.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from web.catalog.deployment import Deployment
from web.catalog.loader import Catalog
from web.fleet.policy import Policy
from web.fleet.states import Instance
from web.fleet.status import ModelStatus, describe


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request can go. The key is the engine's own: only that engine accepts it."""

    instance_id: str
    base_url: str
    engine_key: str


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
) -> Snapshot:
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
            describe(own, history.get(deployment.name, ()), now, policy),
        )
        names.append(deployment.name)
        for name in (deployment.name, *deployment.aliases):
            routes[name] = route
    return Snapshot(routes, tuple(names))


def choose(targets: tuple[Target, ...], in_flight: Mapping[str, int]) -> Target | None:
    """The target with the fewest requests of ours in flight; None when there is none."""
    return min(targets, key=lambda t: in_flight.get(t.instance_id, 0), default=None)


def _target(instance: Instance, engine_key_of: Callable[[Instance], str]) -> Target:
    base_url = f"http://{instance.node}:{instance.port}"
    return Target(instance.id, base_url, engine_key_of(instance))
