"""The playground: the models to choose from, and how far one is that is not there yet. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from web.fleet.routing import Route, Snapshot
from web.fleet.status import ModelStatus, Phase
from web.identity.keys import Principal
from web.portal.shown.models import Group, group_of, usable_route, usable_routes
from web.portal.shown.standing import cause, is_broken, reason_words, usually
from web.portal.words import span

# With more models than this, a field to find one by a part of its name.
FEW_MODELS = 12
WORDS = {
    Group.READY: "Ready now",
    Group.COMING: "Starting",
    Group.COLD: "Not running: your first message starts it",
    Group.BROKEN: "Not working",
}
NO_USE = "Waiting does not help: please tell the administrators."


@dataclass(frozen=True, slots=True)
class Choices:
    """`groups`: what they have in common, and their names in the catalog's order."""

    groups: tuple[tuple[str, tuple[str, ...]], ...]
    chosen: str

    @property
    def count(self) -> int:
        return sum(len(names) for _, names in self.groups)

    @property
    def are_many(self) -> bool:
        return self.count > FEW_MODELS


def choices(snapshot: Snapshot, principal: Principal, wanted: str) -> Choices:
    """`wanted`: a name or an alias from the page's address; else one that is nearest to ready."""
    mine = usable_routes(snapshot, principal)
    groups = tuple((words, names) for group, words in WORDS.items() if (names := _of(mine, group)))
    asked = usable_route(snapshot, principal, wanted)
    if asked is not None:
        return Choices(groups, asked.deployment.name)
    return Choices(groups, groups[0][1][0] if groups else "")


def _of(routes: Iterable[Route], group: Group) -> tuple[str, ...]:
    return tuple(r.deployment.name for r in routes if group_of(r.status) is group)


def progress(status: ModelStatus, now: datetime) -> dict[str, object]:
    """How far a model is, for the page's script (static/playground/patience.js).

    The words stay the same as long as nothing happens: they are read out when they change.
    """
    return {
        "state": status.phase.value,
        "words": " ".join(filter(None, _words(status, now))),
        "given_up": is_broken(status),
        "estimated_start": _iso(status.estimated_start),
        "estimated_ready": _iso(status.estimated_ready),
    }


def _words(status: ModelStatus, now: datetime) -> tuple[str, ...]:
    usual = usually(status).striptags()
    match status.phase:
        case Phase.PENDING:
            reason = reason_words(status)
            what = f"It waits in the cluster's queue{': ' if reason else ''}{reason.rstrip('.')}."
            return what, NO_USE if status.hopeless else usual
        case Phase.FAILING:
            return _failing(status, now)
        case Phase.STARTING:
            return "Its job runs and loads the model.", usual
        case Phase.STOPPING:
            return ("Its last instance is stopping; a new one starts after it.",)
        case Phase.READY:
            return ("It is ready.",)
        case Phase.SUBMITTING:
            what = "It was asked for, and goes to the cluster's queue."
        case Phase.COLD:
            what = "It is not running. Your message starts it."
    return what, usual


def _failing(status: ModelStatus, now: datetime) -> tuple[str, ...]:
    what = f"Its last start failed: {cause(status).rstrip('.')}."
    if status.given_up:
        return what, NO_USE
    next_at = status.next_launch_at
    if next_at is None or next_at <= now:
        return what, "It is tried again."
    return what, f"It is tried again in {span((next_at - now).total_seconds())}."


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
