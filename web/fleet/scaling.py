"""How many instances a model is to have, by the clock, by demand and by load over time. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.catalog.deployment import Deployment
from web.fleet.evidence import Sample
from web.fleet.policy import Policy
from web.fleet.states import Instance, InstanceState

S = InstanceState


@dataclass(frozen=True, slots=True)
class Bounds:
    """Fewer than `least` are too few now; more than `most` have been too many for a while."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class Use:
    """What one model's instances do, and who asks for more."""

    # Those that serve or will.
    live: tuple[Instance, ...]
    # How many they are, an instance and its successor counted as one.
    posts: int
    telemetry: Mapping[str, tuple[Sample, ...]]
    asked_at: datetime | None
    # When an instance that had served last stopped doing so.
    departed_at: datetime | None
    # How long a launch takes until it is ready.
    lead_s: float


def bounds(deployment: Deployment, use: Use, now: datetime, policy: Policy) -> Bounds:
    floor = floor_at(deployment, now, use.lead_s)
    totals = list(_totals(use.live, use.telemetry))
    cap = deployment.max_instances
    least = max(floor, int(_is_asked(use, now, policy)), _sustained(deployment, totals, now))
    if not _in_use(deployment, use, now, policy):
        return Bounds(min(least, cap), min(floor, cap))
    most = max(floor, 1, _peak(deployment, totals, now, use.posts))
    return Bounds(min(least, cap), min(most, cap))


def floor_at(deployment: Deployment, now: datetime, lead_s: float) -> int:
    """What the clock alone asks for; a warm window counts early enough to be warm when it opens."""
    moments = (now, now + timedelta(seconds=lead_s))
    warm = (
        window.instances
        for window in deployment.warm
        if any(window.holds_at(moment) for moment in moments)
    )
    return max(deployment.min_instances, *warm, 0)


def _is_asked(use: Use, now: datetime, policy: Policy) -> bool:
    """Somebody waits for the model.

    What was asked while an instance served is met: that instance's going is no reason for another.
    The demand of a retry loop that was abandoned runs out.
    """
    if use.asked_at is None or (now - use.asked_at).total_seconds() > policy.demand_ttl_s:
        return False
    if use.departed_at is not None and use.asked_at <= use.departed_at:
        return False
    return not any(i.state is S.READY for i in use.live)


def _in_use(deployment: Deployment, use: Use, now: datetime, policy: Policy) -> bool:
    """Somebody used the model within its idle timeout, or what is under way has yet to serve."""
    idle_s, live = deployment.idle_timeout_s, use.live
    if idle_s is None:
        return bool(live)
    if any(i.state is S.STARTING or i.load.requests for i in live):
        return True
    uses = [use.asked_at, *(at for i in live for at in (i.ready_at, i.active_at))]
    if any(i.ready_at is None for i in live):
        # Waiting in the queue is not the model's fault: it keeps its place for long enough.
        idle_s = max(idle_s, policy.demand_ttl_s)
        uses += [i.created_at for i in live]
    last_use = max((at for at in uses if at is not None), default=None)
    return last_use is not None and (now - last_use).total_seconds() <= idle_s


def _totals(
    live: Iterable[Instance], telemetry: Mapping[str, tuple[Sample, ...]]
) -> Iterator[tuple[datetime, int]]:
    """(time, requests of all instances together), oldest first, at each heartbeat of any."""
    heard = sorted(
        (sample.at, i.id, sample.requests) for i in live for sample in telemetry.get(i.id, ())
    )
    last: dict[str, int] = {}
    total = 0
    for at, instance_id, requests in heard:
        total += requests - last.get(instance_id, 0)
        last[instance_id] = requests
        yield at, total


def _sustained(deployment: Deployment, totals: list[tuple[datetime, int]], now: datetime) -> int:
    """The instances that the load has asked for at every moment of the last while."""
    since = now - timedelta(seconds=deployment.scale_up_after_s)
    window = _window(totals, since)
    return _for_load(deployment, min(window)) if window else 0


def _peak(
    deployment: Deployment, totals: list[tuple[datetime, int]], now: datetime, known: int
) -> int:
    """The instances that the highest load of the last while asked for; `known` if not yet known."""
    since = now - timedelta(seconds=deployment.scale_down_after_s)
    window = _window(totals, since)
    return _for_load(deployment, max(window)) if window else known


def _window(totals: list[tuple[datetime, int]], since: datetime) -> list[int]:
    """The totals from `since` on; none when what is known does not reach back as far."""
    if not totals or totals[0][0] > since:
        return []
    before = [total for at, total in totals if at <= since]
    return [before[-1], *(total for at, total in totals if at > since)]


def _for_load(deployment: Deployment, requests: int) -> int:
    return math.ceil(requests / deployment.target_requests)
