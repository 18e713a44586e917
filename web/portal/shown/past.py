"""What a model's past starts tell of the next one: waits, loads, ends; and its load. Pure."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from web.fleet.evidence import LoadSample
from web.fleet.states import Instance, InstanceState
from web.portal.charts import Series, bars, line
from web.portal.shown.admin_states import end_words
from web.portal.timeline import Row, Segment, timeline
from web.portal.words import ago, span

QUEUED, LOADED, GAVE_UP = "In the queue", "Loading", "Loading, but never ready"
LOAD_SPAN = timedelta(hours=1)
_BIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Start:
    """One instance from asking to its end. `waited_s` and `loaded_s` are None while they last."""

    at: datetime
    waited_s: float | None
    loaded_s: float | None
    served_s: float | None
    was_ready: bool
    # Why it is over; empty while it is not.
    end: str
    is_failure: bool


def start_of(instance: Instance, now: datetime) -> Start:
    over, running, ready = instance.ended_at, instance.running_since, instance.ready_at
    loaded_until, served_until = ready or over, over or now
    return Start(
        at=instance.created_at,
        waited_s=_between(instance.created_at, running or over),
        loaded_s=_between(running, loaded_until),
        served_s=_between(ready, served_until),
        was_ready=ready is not None,
        end=_end(instance),
        is_failure=instance.state is InstanceState.FAILED,
    )


def starts(instances: Iterable[Instance], now: datetime, most: int = 12) -> list[Start]:
    """The newest first."""
    newest = sorted(instances, key=lambda i: i.created_at, reverse=True)
    return [start_of(instance, now) for instance in newest[:most]]


def phases_picture(found: Sequence[Start], now: datetime) -> Markup | None:
    """How long each start waited and loaded; None when none has got its place yet."""
    rows = [_phases(start, now) for start in found if start.loaded_s is not None]
    if not rows:
        return None
    return timeline(
        rows,
        kinds=(QUEUED, LOADED, GAVE_UP),
        title="The last starts, from asking to ready",
        axis="Start",
        about=_in_short([s.loaded_s for s in found if s.was_ready], "Loading took"),
    )


def waits_picture(found: Sequence[Start], now: datetime) -> Markup | None:
    """How long each start waited in the queue, the oldest first; None for fewer than two."""
    known = [(s.at, s.waited_s) for s in reversed(found) if s.loaded_s is not None]
    if len(known) < 2:
        return None
    waits = [wait for _, wait in known]
    return bars(
        [ago(at, now) for at, _ in known],
        [Series("Wait", waits)],
        title="How long it waited in the queue",
        axis="Start",
        about=_in_short(waits, "It waited"),
        say=span,
        of_time=True,
    )


def load_picture(samples: Iterable[LoadSample], now: datetime) -> Markup | None:
    """Requests at once over the last hour; None when nothing served in it."""
    bins = round(LOAD_SPAN / _BIN)
    told = _mean_by_bin(samples, now, bins)
    if not told:
        return None
    nothing = (None, None)
    most = max(answered for answered, _ in told.values())
    return line(
        [f"{bins - at} min ago" for at in range(bins)],
        [
            Series("Being answered", [told.get(at, nothing)[0] for at in range(bins)]),
            Series("Waiting", [told.get(at, nothing)[1] for at in range(bins)]),
        ],
        title="Requests at once, over the last hour",
        axis="When",
        about=f"At most {_one_place(most)} were being answered at once.",
        say=_one_place,
    )


def _mean_by_bin(
    samples: Iterable[LoadSample], now: datetime, bins: int
) -> dict[int, tuple[float, float]]:
    """bin -> (running, waiting): of each instance the mean within the bin, of all the sum."""
    own: dict[tuple[int, str], list[LoadSample]] = {}
    begin = now - LOAD_SPAN
    for sample in samples:
        at = int((sample.at - begin) / _BIN)
        if 0 <= at < bins:
            own.setdefault((at, sample.instance_id), []).append(sample)
    found: dict[int, tuple[float, float]] = {}
    for (at, _), heard in own.items():
        running, waiting = found.get(at, (0.0, 0.0))
        found[at] = (
            running + statistics.fmean(s.running for s in heard),
            waiting + statistics.fmean(s.waiting for s in heard),
        )
    return found


def _phases(start: Start, now: datetime) -> Row:
    waited, loaded = start.waited_s or 0.0, start.loaded_s or 0.0
    if start.was_ready:
        label, name = f"ready after {span(waited + loaded)}", LOADED
    elif start.end:
        label, name = start.end, GAVE_UP
    else:
        label, name = "loading now", LOADED
    return Row(f"{ago(start.at, now)}: {label}", (Segment(QUEUED, waited), Segment(name, loaded)))


def _in_short(seconds: Iterable[float | None], words: str) -> str:
    known = [value for value in seconds if value is not None]
    if not known:
        return ""
    middle = span(statistics.median(known))
    return (
        f"{words} {middle} as a rule, {span(min(known))} at least and {span(max(known))} at most."
    )


def _end(instance: Instance) -> str:
    if not instance.state.is_over:
        return ""
    return end_words(instance.end_reason) or "it ended"


def _between(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    return max(0.0, (end - begin).total_seconds())


def _one_place(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")
