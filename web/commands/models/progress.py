"""How far a model is on its way to ready, in words for whoever waits for it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from web.fleet.routing import Route
from web.fleet.states import NEAREST_TO_READY, Instance, InstanceState
from web.fleet.status import ModelStatus, Phase
from web.terminal import length, one_line

# How often the age of what is loading is told again.
LOADING_TOLD_EVERY_S = 60


class Stage(StrEnum):
    ASKED = "asked"  # no job yet
    QUEUED = "queued"  # the job waits in Slurm
    STARTING = "starting"  # the job runs, its worker has not reported yet
    LOADING = "loading"  # the worker has started the engine
    READY = "ready"
    ENDING = "ending"  # the last instance goes first
    FAILED = "failed"  # the launch failed; another follows by itself
    UNAVAILABLE = "unavailable"  # none follows by itself


@dataclass(frozen=True, slots=True)
class Progress:
    """One step at one moment; `key` changes whenever it is worth telling again."""

    at: datetime
    status: ModelStatus
    stage: Stage
    words: str
    key: tuple[object, ...]


Step = tuple[Stage, str, tuple[object, ...]]
"""Stage, words, and what of both makes it another step."""


def progress(route: Route, live: Iterable[Instance], holder: str | None, now: datetime) -> Progress:
    """`holder`: the fleet process that acts just now, if any."""
    nearest = min(live, key=_distance, default=None)
    stage, words, detail = _step(route.status, nearest, holder, now)
    return Progress(now, route.status, stage, words, (stage, *detail))


def _distance(instance: Instance) -> tuple[bool, int]:
    return not instance.is_routable, NEAREST_TO_READY.index(instance.state)


def _step(status: ModelStatus, nearest: Instance | None, holder: str | None, now: datetime) -> Step:
    if status.phase is Phase.READY:
        return _ready(status, nearest)
    if status.given_up or status.hopeless:
        return Stage.UNAVAILABLE, f"unavailable: {_cause(status)}", ()
    match status.phase:
        case Phase.PENDING:
            return _queued(status)
        case Phase.STARTING:
            return _starting(status, nearest, now)
        case Phase.STOPPING | Phase.FAILING:
            return _between(status)
        case _:
            return _asked(status, holder)


def _asked(status: ModelStatus, holder: str | None) -> Step:
    if holder is None:
        words = "asked for, but no fleet process holds the lock: nothing is launched until one runs"
    elif status.phase is Phase.SUBMITTING:
        words = "a job is being submitted to the scheduler"
    else:
        words = "asked for; a job is submitted as soon as the scheduler answers"
    return Stage.ASKED, words, (words,)


def _queued(status: ModelStatus) -> Step:
    reason = f" ({status.reason})" if status.reason not in ("", "None") else ""
    start = status.estimated_start
    expected = f"expected to start at {clock_time(start)}" if start else _usual_wait(status)
    words = f"queued: {_job(status)}{reason}, {status.words}; {expected}"
    # The estimate moves by seconds all the time.
    at = clock_time(start) if start else None
    return Stage.QUEUED, words, (status.job_id, status.reason, at)


def _usual_wait(status: ModelStatus) -> str:
    if status.typical_wait_s is None:
        return "no estimate of its start yet"
    return f"no estimate of its start yet, lately it waited {length(status.typical_wait_s)}"


def _starting(status: ModelStatus, nearest: Instance | None, now: datetime) -> Step:
    node = nearest.node if nearest else None
    where = f" on {node}" if node else ""
    if nearest is not None and nearest.state is InstanceState.UNREADY:
        words = f"starting: {_job(status)}{where} was ready and does not answer now"
        return Stage.STARTING, words, (status.job_id, node, nearest.state)
    if nearest is not None and nearest.state is InstanceState.READY:
        words = f"loading: {_job(status)} is ready; the next look at the queue tells its node"
        return Stage.LOADING, words, (status.job_id, nearest.state)
    if nearest is None or nearest.claimed_by is None:
        words = f"starting: {_job(status)} runs{where}, its worker has not reported yet"
        return Stage.STARTING, words, (status.job_id, node)
    since = status.starting_since
    age_s = (now - since).total_seconds() if since else 0.0
    usual_s = status.typical_load_s
    usually = f"usually ready after {length(usual_s)}" if usual_s is not None else (
        "how long that takes is not known yet"
    )  # fmt: skip
    words = f"loading: {_job(status)}{where}, for {length(age_s)}; {usually}"
    told = age_s // LOADING_TOLD_EVERY_S
    return Stage.LOADING, words, (status.job_id, node, told)


def _ready(status: ModelStatus, nearest: Instance | None) -> Step:
    where = f" on {nearest.node}" if nearest and nearest.node else ""
    took = ""
    if nearest and nearest.ready_at and nearest.running_since:
        took = f", loaded in {length((nearest.ready_at - nearest.running_since).total_seconds())}"
    # Of several the one that serves, which need not be the one that the status is about.
    job = f"job {nearest.job_id}" if nearest else _job(status)
    return Stage.READY, f"ready: {job}{where}{took}", ()


def _between(status: ModelStatus) -> Step:
    if status.phase is Phase.STOPPING:
        words = f"{_job(status)} is ending; a new start follows"
        return Stage.ENDING, words, (status.job_id,)
    again = status.next_launch_at
    then = f"; the next try is at {clock_time(again, seconds=True)}" if again else ""
    return Stage.FAILED, f"failed: {_cause(status)}{then}", (status.job_id, again)


def _cause(status: ModelStatus) -> str:
    words = one_line(status.words)
    if status.hopeless:
        return f"{_job(status)} ({status.reason}), {words}"
    tries = f"{status.failures} launches" if status.failures > 1 else "one launch"
    reason = status.reason.replace("_", " ")
    return f"{tries} failed, the last ({_job(status)}): {reason}" + (f": {words}" if words else "")


def _job(status: ModelStatus) -> str:
    return f"job {status.job_id}" if status.job_id else "its job"


def clock_time(at: datetime, *, seconds: bool = False) -> str:
    """Local time, for a person at a terminal."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")
