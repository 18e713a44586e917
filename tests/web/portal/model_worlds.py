"""Models as the pages see them, each with what matters set."""

import re
from collections.abc import Iterable

from tests.web.fleet.worlds import NOW, POLICY, deployment
from web.fleet.routing import Route, Snapshot
from web.fleet.states import Instance
from web.fleet.status import ModelStatus, describe

_TAG = re.compile(r"<[^>]+>")


def status_of(
    *live: Instance, history: tuple[Instance, ...] = (), fingerprint: str = ""
) -> ModelStatus:
    """What the gateway makes of these instances."""
    return describe(live, history, NOW, POLICY, fingerprint)


def route(status: ModelStatus, name: str = "m", **changes: object) -> Route:
    return Route(deployment(name, **changes), (), status)


def snapshot(*routes: Route) -> Snapshot:
    names = tuple(r.deployment.name for r in routes)
    aliases = {alias: r for r in routes for alias in r.deployment.aliases}
    return Snapshot({**dict(zip(names, routes, strict=True)), **aliases}, names)


def read(parts: Iterable[str]) -> str:
    """What a person reads of it."""
    return " ".join(_TAG.sub("", str(part)) for part in parts)
