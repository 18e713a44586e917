"""One model's page, put together from what is known of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from web.fleet.evidence import LoadSample
from web.fleet.policy import Policy
from web.fleet.routing import Route
from web.fleet.states import Instance
from web.fleet.status import Phase
from web.portal.shown import past as past_starts
from web.portal.shown.about_model import Fact, facts
from web.portal.shown.instances import InstanceRow, Pace, instance_rows, nearest, pace
from web.portal.shown.models import can_start
from web.portal.shown.past import Start, starts
from web.portal.shown.standing import Scene, badge_of, headline
from web.portal.shown.steps import Step, steps
from web.portal.shown.story import Loading, loading, sentences
from web.portal.words import span

CANCEL_QUESTION = (
    "Cancel this start? Its place in the queue is given up, and what has loaded is lost."
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the database told of it. `claimed_at`: when the viewer asked, and still waits."""

    live: Sequence[Instance]
    past: Sequence[Instance]
    is_asked: bool
    has_fleet: bool
    claimed_at: datetime | None
    can_cancel: bool


@dataclass(frozen=True, slots=True)
class Head:
    """The answer. It changes only when the answer does, so that it can be read aloud."""

    badge: str
    badge_words: str
    headline: str
    is_ready: bool


@dataclass(frozen=True, slots=True)
class ModelNow:
    """`patience`: how long its place in the queue is kept when nobody asks again."""

    head: Head
    sentences: Sequence[Markup]
    steps: Sequence[Step]
    loading: Loading | None
    pace: Pace | None
    instances: Sequence[InstanceRow]
    facts: Sequence[Fact]
    starts: Sequence[Start]
    can_start: bool
    can_cancel: bool
    claimed_at: datetime | None
    patience: str


@dataclass(frozen=True, slots=True)
class Pictures:
    load: Markup | None
    phases: Markup | None
    waits: Markup | None

    @property
    def is_empty(self) -> bool:
        return self.load is None and self.phases is None


def head(route: Route, seen: Seen, now: datetime) -> Head:
    scene = _scene(route, seen, now)
    kind, words = badge_of(route.status, is_asked=scene.is_asked)
    return Head(kind, words, headline(scene), route.status.phase is Phase.READY)


def model_now(route: Route, seen: Seen, now: datetime) -> ModelNow:
    status, live = route.status, seen.live
    scene = _scene(route, seen, now)
    waits = status.phase is not Phase.READY and seen.claimed_at is not None
    return ModelNow(
        head=head(route, seen, now),
        sentences=sentences(scene),
        steps=steps(scene),
        loading=loading(scene),
        pace=pace(live, route.deployment),
        instances=instance_rows(live, now),
        facts=facts(route, now),
        starts=starts(seen.past, now),
        can_start=can_start(status) and not seen.is_asked,
        can_cancel=seen.can_cancel,
        claimed_at=seen.claimed_at if waits else None,
        patience=_patience(route.deployment.idle_timeout_s),
    )


def pictures(known: Iterable[Instance], samples: Iterable[LoadSample], now: datetime) -> Pictures:
    found = starts(known, now)
    return Pictures(
        load=past_starts.load_picture(samples, now),
        phases=past_starts.phases_picture(found, now),
        waits=past_starts.waits_picture(found, now),
    )


def _scene(route: Route, seen: Seen, now: datetime) -> Scene:
    instance = nearest(seen.live, route.status.job_id)
    return Scene(route.status, now, instance, seen.is_asked, seen.has_fleet)


def _patience(idle_s: float | None) -> str:
    """Empty: for ever."""
    return span(max(idle_s, Policy().demand_ttl_s)) if idle_s is not None else ""
