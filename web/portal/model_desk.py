"""What the model pages read and do. Every method is called inside `aside.do`.

Who presses "Start it for me" asks for the model as a request does. Whether anybody else has asked
too is told by the number of requests: the audit log keeps what it was right after theirs, and only
as long as it has not grown may they cancel the start again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from web.audit.store import Wanted
from web.catalog.deployment import Deployment
from web.demand.store import LONG_AGO, Asked
from web.fleet.evidence import LoadSample
from web.fleet.orders import OrderKind
from web.fleet.policy import Policy
from web.fleet.scaling import floor_at
from web.fleet.sight_store import SightStore
from web.fleet.states import Instance, InstanceState
from web.lock.store import holder_of
from web.portal.parts import Parts
from web.portal.shown.past import LOAD_SPAN
from web.portal.viewer import Viewer

LAUNCH = "model.launch"
CLAIM_LIFE = timedelta(days=1)
PAST = 12
DEMAND_TTL_S = Policy().demand_ttl_s
_NOT_YET = (InstanceState.SUBMITTING, InstanceState.PENDING, InstanceState.STARTING)


@dataclass(frozen=True, slots=True)
class Claim:
    """A viewer has asked for the model; `is_alone`: and nobody else has."""

    at: datetime
    is_alone: bool


@dataclass(frozen=True, slots=True)
class Sight:
    """One model just now. `past` are its ended instances, the newest first."""

    live: tuple[Instance, ...]
    past: tuple[Instance, ...]
    asked: Asked | None
    claim: Claim | None
    has_fleet: bool

    def is_asked(self, now: datetime) -> bool:
        """Somebody waits for it, and there is no instance yet."""
        if self.asked is None or any(i.state.is_present for i in self.live):
            return False
        if (now - self.asked.last_at).total_seconds() > DEMAND_TTL_S:
            return False
        ends = (i.ended_at for i in self.past if i.ended_at is not None)
        return all(self.asked.last_at > end for end in ends)

    @property
    def awaited_since(self) -> datetime | None:
        """When the viewer asked, if nothing has become ready since."""
        if self.claim is None:
            return None
        at = self.claim.at
        was_met = any(i.ready_at is not None and i.ready_at > at for i in (*self.live, *self.past))
        return None if was_met else at

    def can_cancel(self, deployment: Deployment, now: datetime) -> bool:
        """It is on its way for the viewer alone, and no clock asks for it."""
        if self.claim is None or not self.claim.is_alone or floor_at(deployment, now, lead_s=0):
            return False
        if any(i.ready_at is not None and i.state.is_present for i in self.live):
            return False
        return bool(_cancellable(self.live)) or self.is_asked(now)


class ModelDesk:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._sights = SightStore(parts.database)

    def requests_now(self) -> dict[str, tuple[int, int]]:
        return self._sights.requests_now()

    def look(self, viewer: Viewer, model: str) -> Sight:
        parts, now = self._parts, self._parts.clock()
        asked = parts.demand.of_model(model)
        return Sight(
            live=self._sights.live_of(model),
            past=self.past(model),
            asked=asked,
            claim=self._claim(viewer, model, asked, now),
            has_fleet=holder_of(parts.database, now) is not None,
        )

    def past(self, model: str) -> tuple[Instance, ...]:
        return self._sights.past_of([model], PAST).get(model, ())

    def history(self, model: str) -> tuple[tuple[Instance, ...], tuple[LoadSample, ...]]:
        """(all instances that are known, the load of the last hour)"""
        since = self._parts.clock() - LOAD_SPAN
        known = (*self._sights.live_of(model), *self.past(model))
        return known, self._sights.load_of(model, since)

    def start(self, viewer: Viewer, model: str) -> None:
        """Ask for the model, as a request would."""
        parts, now = self._parts, self._parts.clock()
        known = self._claim(viewer, model, parts.demand.of_model(model), now)
        on_its_way = any(i.state.is_present for i in self._sights.live_of(model))
        before, asked = parts.demand.ask(model, now)
        was_alone = known is not None and known.is_alone
        alone = was_alone or not (on_its_way or _is_recent(before, now))
        parts.note(viewer, LAUNCH, model, requests=asked.requests, alone=alone)

    def keep_asking(self, viewer: Viewer, model: str) -> None:
        """Ask on, for a viewer who has asked and still waits; it counts as no request.

        A page that is left open brings nothing back that had been ready and has gone.
        """
        if self.look(viewer, model).awaited_since is not None:
            self._parts.demand.add({model: Asked(0, self._parts.clock())}, cold=True)

    def cancel(self, viewer: Viewer, deployment: Deployment) -> bool:
        """Take the viewer's asking back and end what came of it; False when others ask too."""
        parts, now, model = self._parts, self._parts.clock(), deployment.name
        sight = self.look(viewer, model)
        if sight.asked is None or not sight.can_cancel(deployment, now):
            return False
        if not parts.demand.withdraw(model, sight.asked.requests):
            return False
        parts.note(viewer, "model.cancel", model)
        for instance in _cancellable(sight.live):
            parts.orders.give(OrderKind.STOP, model, instance.id, viewer.name, now)
            parts.note(viewer, "order.stop", instance.id)
        return True

    def _claim(
        self, viewer: Viewer, model: str, asked: Asked | None, now: datetime
    ) -> Claim | None:
        if asked is None or asked.last_at <= LONG_AGO:
            return None
        wanted = Wanted(viewer.name, LAUNCH, model, since=now - CLAIM_LIFE)
        entries = self._parts.audit.query(wanted, limit=1)
        if not entries:
            return None
        detail = entries[0].detail
        alone = detail.get("alone") is True and detail.get("requests") == asked.requests
        return Claim(entries[0].at, alone)


def _cancellable(live: Iterable[Instance]) -> list[Instance]:
    return [i for i in live if i.state in _NOT_YET]


def _is_recent(asked: Asked | None, now: datetime) -> bool:
    return asked is not None and (now - asked.last_at).total_seconds() <= DEMAND_TTL_S
