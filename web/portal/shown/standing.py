"""How one model stands, for a researcher: can I use it now, when can I, what holds it up. Pure.

A sentence is Markup because a moment in it is a `time` element, which the browser turns into the
viewer's zone. What Slurm or an engine says is escaped like anybody's text.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from web.fleet.states import EndReason, Instance
from web.fleet.status import ModelStatus, Phase
from web.portal.shown.admin_states import end_words
from web.portal.words import span, when

MOST_OF_A_CAUSE = 500
_HEADLINES = {
    Phase.READY: "Ready. You can use it now.",
    Phase.STARTING: "Not yet: it is loading.",
    Phase.PENDING: "Not yet: it waits in the queue.",
    Phase.SUBMITTING: "Not yet: it has been asked for.",
    Phase.STOPPING: "Not just now: its last instance is stopping.",
    Phase.FAILING: "Not now: its last start failed.",
    Phase.COLD: "Not running. It starts when somebody asks for it.",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a model at `now`. `status` is in memory; the others stand in the database
    and are left out where only a line is told."""

    status: ModelStatus
    now: datetime
    nearest: Instance | None = None
    # Somebody asked for it and nothing has come of it yet.
    is_asked: bool = False
    # The process that launches and ends jobs is there.
    has_fleet: bool = True


def is_broken(status: ModelStatus) -> bool:
    """Nothing but a person can make it start."""
    return status.given_up or status.hopeless


def badge_of(status: ModelStatus, *, is_asked: bool = False) -> tuple[str, str]:
    """(the badge's kind, its words)"""
    if is_asked and status.phase is Phase.COLD:
        return Phase.SUBMITTING.value, "asked for"
    if is_broken(status):
        return "failing", "broken"
    if status.phase is Phase.FAILING:
        return "failing", "start failed"
    words = {
        Phase.READY: "ready",
        Phase.STARTING: "loading",
        Phase.PENDING: "in the queue",
        Phase.SUBMITTING: "asked for",
        Phase.STOPPING: "stopping",
    }
    return status.phase.value, words.get(status.phase, "not running")


def headline(scene: Scene) -> str:
    """The answer to "can I use it now?", without anything that changes by the second."""
    if is_broken(scene.status):
        return "It cannot be used: it does not start."
    if scene.is_asked and scene.status.phase is Phase.COLD:
        return _HEADLINES[Phase.SUBMITTING]
    return _HEADLINES[scene.status.phase]


def usually(status: ModelStatus) -> Markup:
    """How long it takes from asking to ready, going by the last starts; empty when not known."""
    wait_s, load_s = status.typical_wait_s, status.typical_load_s
    if load_s is None:
        return Markup()
    if wait_s is None or wait_s < 1:
        return say("A start usually takes {}.", span(load_s))
    return say(
        "A start usually takes {}: {} in the queue and {} to load.",
        span(wait_s + load_s),
        span(wait_s),
        span(load_s),
    )


def cause(status: ModelStatus) -> str:
    """Why its launches fail: what happened, and the last line of what was told of it."""
    lines = [line.strip() for line in status.words.splitlines() if line.strip()]
    known = status.reason in EndReason.__members__.values()
    what = end_words(EndReason(status.reason)) if known else status.reason
    last = lines[-1][:MOST_OF_A_CAUSE].rstrip(".") if lines else ""
    return ": ".join(filter(None, (what, last)))


def moment(at: datetime, now: datetime) -> Markup:
    """The time of day if that is near, else the date too; and how far away it is."""
    style = "clock" if abs(at - now) < timedelta(hours=12) else "minute"
    away = (at - now).total_seconds()
    distance = f"in {span(away)}" if away >= 1 else "any moment"
    return say("{} ({})", when(at, style), distance)


def reason_words(status: ModelStatus) -> str:
    """Slurm's reason in words and, for who wants to look it up, in its own."""
    words = status.words.removeprefix("queued: ").removeprefix("queued")
    code = status.reason if status.reason not in ("", "None") else ""
    return f"{words} ({code})" if words and code else words or code


def say(words: str, *values: object) -> Markup:
    """A sentence of ours with values that can be anybody's."""
    return Markup(words).format(*values)  # noqa: S704 - the words are ours, the values escaped
