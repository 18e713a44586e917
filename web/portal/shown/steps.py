"""A start step by step: asked for, in the queue, loading, ready. Pure."""

from dataclasses import dataclass

from web.fleet.status import Phase
from web.portal.shown.standing import Scene, is_broken
from web.portal.words import span

_AT = {Phase.SUBMITTING: 0, Phase.PENDING: 1, Phase.STARTING: 2}


@dataclass(frozen=True, slots=True)
class Step:
    """`state` is done, now or next; `note` says how long it took, takes or usually does."""

    name: str
    state: str
    note: str


def steps(scene: Scene) -> tuple[Step, ...]:
    """None while nothing is on its way."""
    status = scene.status
    at = _AT.get(status.phase, 0 if scene.is_asked else None)
    if at is None or is_broken(status):
        return ()
    notes = ("", _wait(scene, at), _load(scene, at), "")
    names = ("Asked for", "In the queue", "Loading", "Ready")
    return tuple(
        Step(name, "done" if n < at else "now" if n == at else "next", notes[n])
        for n, name in enumerate(names)
    )


def _wait(scene: Scene, at: int) -> str:
    instance, status = scene.nearest, scene.status
    if at == 1 and status.pending_since is not None:
        return f"for {span((scene.now - status.pending_since).total_seconds())}"
    if at == 2 and instance is not None and instance.running_since is not None:
        return f"took {span((instance.running_since - instance.created_at).total_seconds())}"
    return _usual(status.typical_wait_s)


def _load(scene: Scene, at: int) -> str:
    since = scene.status.starting_since
    if at == 2 and since is not None:
        return f"for {span((scene.now - since).total_seconds())}"
    return _usual(scene.status.typical_load_s)


def _usual(seconds: float | None) -> str:
    return f"usually {span(seconds)}" if seconds is not None else ""
