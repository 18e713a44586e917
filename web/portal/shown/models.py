"""The list of models: what each viewer may use, and how it stands. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from markupsafe import Markup, escape

from web.fleet.routing import Route, Snapshot
from web.fleet.status import ModelStatus, Phase
from web.identity.keys import Principal
from web.identity.permissions import may_use
from web.portal.shown import standing
from web.portal.words import plural, span


class Group(StrEnum):
    """What people look for among many models."""

    READY = "ready"
    COMING = "coming"
    COLD = "cold"
    BROKEN = "broken"


GROUP_WORDS = {
    Group.READY: "ready",
    Group.COMING: "on the way",
    Group.COLD: "not running",
    Group.BROKEN: "not working",
}


@dataclass(frozen=True, slots=True)
class ModelRow:
    """`requests`: (being answered, waiting); None while it serves nobody."""

    name: str
    aliases: tuple[str, ...]
    badge: str
    badge_words: str
    note: Markup
    max_model_len: int | None
    requests: tuple[int, int] | None
    is_ready: bool
    can_start: bool


def group_of(status: ModelStatus) -> Group:
    if standing.is_broken(status) or status.phase is Phase.FAILING:
        return Group.BROKEN
    if status.phase is Phase.READY:
        return Group.READY
    return Group.COLD if status.phase in (Phase.COLD, Phase.STOPPING) else Group.COMING


def usable_routes(snapshot: Snapshot, principal: Principal) -> list[Route]:
    """In the catalog's order."""
    routes = (snapshot.routes[name] for name in snapshot.names)
    return [route for route in routes if may_use(principal, route.deployment)]


def usable_route(snapshot: Snapshot, principal: Principal, name: str) -> Route | None:
    """By name or alias. None, alike, for what there is not and for what is not theirs."""
    route = snapshot.routes.get(name)
    return route if route is not None and may_use(principal, route.deployment) else None


def counts(routes: Iterable[Route]) -> dict[Group, int]:
    """How many models of each group; all groups are there."""
    found = dict.fromkeys(Group, 0)
    for route in routes:
        found[group_of(route.status)] += 1
    return found


def summary(found: Mapping[Group, int]) -> str:
    """`3 ready, 1 on the way, 20 not running`: what is announced when it changes."""
    told = [f"{count} {GROUP_WORDS[group]}" for group, count in found.items() if count]
    return ", ".join(told)


def matching(routes: Iterable[Route], words: str, group: Group | None) -> list[Route]:
    """Those whose name or alias holds every word, and of that group if one is asked for."""
    wanted = words.lower().split()

    def fits(route: Route) -> bool:
        names = " ".join((route.deployment.name, *route.deployment.aliases)).lower()
        in_group = group is None or group_of(route.status) is group
        return in_group and all(word in names for word in wanted)

    return [route for route in routes if fits(route)]


def rows(
    routes: Sequence[Route], requests: Mapping[str, tuple[int, int]], now: datetime
) -> list[ModelRow]:
    return [_row(route, requests.get(route.deployment.name), now) for route in routes]


def context_length(route: Route) -> int | None:
    """Tokens that a conversation can have; None when the engine has never told."""
    length = route.status.max_model_len or route.deployment.engine_args.get("max-model-len")
    return length if isinstance(length, int) else None


def can_start(status: ModelStatus) -> bool:
    """Asking for it makes a difference."""
    idle = (Phase.COLD, Phase.STOPPING, Phase.FAILING)
    return status.phase in idle and not standing.is_broken(status)


def note_of(status: ModelStatus, now: datetime) -> Markup:
    """One line beside the badge: what it means for who wants to use the model."""
    if standing.is_broken(status):
        why = standing.cause(status) if status.given_up else standing.reason_words(status)
        return escape(why)
    match status.phase:
        case Phase.READY:
            return escape(plural(status.ready_instances, "instance"))
        case Phase.STARTING | Phase.PENDING:
            return _coming(status, now)
        case Phase.FAILING:
            return escape(standing.cause(status))
        case Phase.SUBMITTING | Phase.STOPPING:
            return Markup()
        case _:
            return _when_asked(status)


def _row(route: Route, requests: tuple[int, int] | None, now: datetime) -> ModelRow:
    status = route.status
    badge, words = standing.badge_of(status)
    return ModelRow(
        name=route.deployment.name,
        aliases=route.deployment.aliases,
        badge=badge,
        badge_words=words,
        note=note_of(status, now),
        max_model_len=context_length(route),
        requests=requests,
        is_ready=status.phase is Phase.READY,
        can_start=can_start(status),
    )


def _coming(status: ModelStatus, now: datetime) -> Markup:
    ready, start = status.estimated_ready, status.estimated_start
    if ready is not None and ready > now:
        return Markup("ready at {}").format(standing.moment(ready, now))
    if status.phase is Phase.STARTING:
        usual = status.typical_load_s
        return escape(f"slower than usual ({span(usual)})" if usual and ready else "")
    if start is not None and start > now:
        return Markup("expected to start at {}").format(standing.moment(start, now))
    since = status.pending_since
    waited = f"for {span((now - since).total_seconds())}" if since else ""
    return escape("; ".join(filter(None, (waited, standing.reason_words(status)))))


def _when_asked(status: ModelStatus) -> Markup:
    load_s = status.typical_load_s
    if load_s is None:
        return escape("starts when it is asked for")
    return escape(f"usually ready {span(load_s + (status.typical_wait_s or 0))} after asking")
