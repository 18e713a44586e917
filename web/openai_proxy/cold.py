"""The 503 of a model that serves nobody just now: what, why, until when, what to do. Pure."""

from datetime import UTC, datetime

from web.errors import ModelStarting, ModelUnavailable, NotRoutable
from web.fleet.status import ModelStatus, Phase

# Stock clients ignore anything longer (openai-python up to 2.30, openai-node 7.5).
MAX_RETRY_AFTER_S = 60
_POLL_S = {Phase.COLD: 3, Phase.SUBMITTING: 3, Phase.STOPPING: 5, Phase.STARTING: 5}
QUEUE_POLL_S = 30
FOR_ADMINISTRATORS = (
    "It is not tried again by itself: tell the administrators of this gateway, who can correct the "
    "model's entry or say `kscope models retry`."
)
KEEP_TRYING = "Please retry your request after a brief wait; it is served as soon as the model is."


def cold_error(model: str, status: ModelStatus, now: datetime) -> NotRoutable:
    extra = _extra(status)
    if status.given_up or status.hopeless:
        message = f"{_what(model, status, now)} {FOR_ADMINISTRATORS}"
        return ModelUnavailable(message, extra=extra)
    message = " ".join(filter(None, (_what(model, status, now), _estimate(status), KEEP_TRYING)))
    return ModelStarting(message, retry_after_s=retry_after_s(status, now), extra=extra)


def retry_after_s(status: ModelStatus, now: datetime) -> int:
    """When asking again is worth it: soon while something moves, later while it queues."""
    expected = status.estimated_ready or status.estimated_start or status.next_launch_at
    if expected is not None:
        remaining = (expected - now).total_seconds()
        return int(min(max(remaining, 2), MAX_RETRY_AFTER_S))
    if status.phase is Phase.PENDING and status.pending_since is not None:
        # A job that has just been queued may start at once; one that waits long will go on waiting.
        waited_s = (now - status.pending_since).total_seconds()
        return int(min(max(waited_s, _POLL_S[Phase.SUBMITTING]), QUEUE_POLL_S))
    return _POLL_S.get(status.phase, QUEUE_POLL_S)


def _what(model: str, status: ModelStatus, now: datetime) -> str:
    job = f"job {status.job_id}" if status.job_id else "its job"
    match status.phase:
        case Phase.COLD:
            why = f" ({status.words})" if status.words else ""
            return f"The model `{model}` is not running{why}. It was asked to start just now."
        case Phase.SUBMITTING:
            return f"The model `{model}` is being submitted to the scheduler."
        case Phase.PENDING:
            why = f": {status.words}" if status.words else ""
            reason = f" ({status.reason})" if status.reason not in ("", "None") else ""
            return f"The model `{model}` waits in the queue: {job} is PENDING{reason}{why}."
        case Phase.STARTING:
            since = status.starting_since
            age = f" for {(now - since).total_seconds():.0f} s" if since else ""
            return f"The model `{model}` is starting: {job} is RUNNING{age} and loads the model."
        case Phase.STOPPING:
            return f"The model `{model}` is stopping ({job}); a new start follows."
        case _:
            tries = f"{status.failures} tries" if status.failures > 1 else "one try"
            return f"The model `{model}` could not be started ({tries}): {_cause(status)}."


def _cause(status: ModelStatus) -> str:
    """The last line of what was told: engines put the error there."""
    lines = [line.strip() for line in status.words.splitlines() if line.strip()]
    reason = status.reason.replace("_", " ")
    return f"{reason}: {lines[-1][:500].rstrip('.')}" if lines else reason


def _estimate(status: ModelStatus) -> str:
    parts = []
    if status.phase is Phase.PENDING:
        start = status.estimated_start
        parts.append(
            f"It is expected to start at {_clock_time(start)}."
            if start
            else f"There is no estimate of its start yet.{_usual_wait(status)}"
        )
    if status.estimated_ready:
        parts.append(
            f"Going by its last starts it is ready at {_clock_time(status.estimated_ready)}."
        )
    if status.phase is Phase.FAILING and status.next_launch_at:
        parts.append(f"The next try is at {_clock_time(status.next_launch_at)}.")
    return " ".join(parts)


def _usual_wait(status: ModelStatus) -> str:
    wait_s = status.typical_wait_s
    return f" Its last jobs waited {_duration(wait_s)} in the queue." if wait_s else ""


def _duration(seconds: float) -> str:
    """A length of time as people say it: `40 s`, `5 min`, `3 h 20 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _extra(status: ModelStatus) -> dict[str, object]:
    return {
        "state": status.phase.value,
        "job_id": status.job_id,
        "reason": status.reason or None,
        "estimated_start": _iso(status.estimated_start),
        "estimated_ready": _iso(status.estimated_ready),
    }


def _clock_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None
