"""What a worker's report means for its instance. Pure, but for `CallbackDesk` at the end.

A report belongs to one run of one job: (slurm_job_id, restart_count). The first run to claim the
instance owns it; a requeue of the same job (higher restart_count) takes over; any other job is a
twin and is told to go. Within a run reports are ordered by `sequence`, so a late, doubled or
replayed one changes nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from web.errors import GatewayError
from web.failpoints import reach
from web.fleet.changes import moved
from web.fleet.launch import is_worker_token
from web.fleet.rate import PerSecond
from web.fleet.states import NOT_OURS, EndReason, Instance, InstanceState, Load, final_state
from web.fleet.store import InstanceStore
from web.secrets import Secrets

S = InstanceState
MAX_BODY_BYTES = 256 * 1024
MAX_DETAIL_CHARS = 8192
MAX_REPORTS_PER_SECOND = 10
_BEFORE_READY = (S.SUBMITTING, S.PENDING, S.STARTING, S.UNREADY)

Event = Literal["claim", "starting", "ready", "heartbeat", "draining", "ended"]
Command = Literal["continue", "drain", "exit"]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
ShortText = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Served(msgspec.Struct):
    """One entry of the engine's /v1/models."""

    id: Annotated[str, msgspec.Meta(max_length=1024)]
    max_model_len: Count | None = None


class LoadReport(msgspec.Struct):
    running: Count = 0
    waiting: Count = 0
    kv_cache_usage: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    tokens: Annotated[int, msgspec.Meta(ge=0, le=2**62)] | None = None


class Report(msgspec.Struct):
    """The body of a callback; unknown members are ignored."""

    instance_id: ShortText
    slurm_job_id: ShortText
    sequence: Count
    event: Event
    restart_count: Count = 0
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] | None = None
    model_list: Annotated[list[Served], msgspec.Meta(max_length=100)] | None = None
    load: LoadReport | None = None
    detail: str | None = None


class Refused(GatewayError):
    """The worker must stop, or mend its report: 400, 401, 403, 409, 410, 413, 429."""

    type = "invalid_request_error"

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.status = status


def parse(body: bytes) -> Report:
    if len(body) > MAX_BODY_BYTES:
        raise Refused(413, f"A callback holds at most {MAX_BODY_BYTES} bytes.")
    try:
        return msgspec.json.decode(body, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"This is no callback: {error}") from None


def receive(instance: Instance, report: Report, now: datetime) -> Instance:
    """The instance after the report; raises `Refused` with 409 or 410 for one that must stop."""
    if instance.state.is_over:
        raise Refused(410, f"Instance {instance.id} has ended: {instance.end_reason}.")
    if instance.claimed_by not in (None, report.slurm_job_id):
        raise Refused(409, f"Instance {instance.id} is claimed by job {instance.claimed_by}.")
    if report.event == "claim":
        return _claim(instance, report, now)
    if instance.claimed_by is None:
        raise Refused(409, f"Instance {instance.id} must be claimed first.")
    if (report.restart_count, report.sequence) <= (instance.restart_count, instance.sequence):
        return instance
    if report.restart_count != instance.restart_count:
        raise Refused(409, f"Run {report.restart_count} of the job must claim first.")
    heard = replace(instance, sequence=report.sequence, heartbeat_at=now)
    return _apply(heard, report, now)


def command_for(instance: Instance, report: Report) -> Command:
    """What the worker is to do now."""
    if instance.state in (S.STOPPING, S.STOPPED, S.FAILED):
        return "exit"
    is_current = report.restart_count == instance.restart_count
    return "drain" if instance.state is S.DRAINING and is_current else "continue"


def _claim(instance: Instance, report: Report, now: datetime) -> Instance:
    run = (report.restart_count, report.sequence)
    if instance.claimed_by is not None and run <= (instance.restart_count, instance.sequence):
        if report.restart_count < instance.restart_count:
            raise Refused(409, f"Run {instance.restart_count} of the job has taken over.")
        return instance
    claimed = replace(
        instance,
        claimed_by=report.slurm_job_id,
        job_id=report.slurm_job_id,
        restart_count=report.restart_count,
        sequence=report.sequence,
        node=None,
        port=None,
        # Another engine, whose counter starts anew.
        load=Load(),
        progress_at=None,
        heartbeat_at=now,
    )
    return claimed if claimed.state is S.STOPPING else moved(claimed, S.STARTING, now)


def _apply(instance: Instance, report: Report, now: datetime) -> Instance:
    if report.event == "ended":
        return _end(instance, report, now)
    if report.load is not None:
        instance = _with_load(instance, report.load, now)
    if report.event == "starting":
        return replace(instance, port=report.port or instance.port)
    if report.event == "ready":
        return _ready(instance, report, now)
    if report.event == "draining" and instance.state in (S.READY, S.UNREADY, S.STARTING):
        # Nobody here asked for it: Slurm takes the job away (walltime, preemption, scancel).
        draining = replace(instance, end_reason=EndReason.WALLTIME, detail=_detail(report))
        return moved(draining, S.DRAINING, now)
    return instance


def _ready(instance: Instance, report: Report, now: datetime) -> Instance:
    if report.port is None:
        raise Refused(400, "`ready` must name the port.")
    lengths = [served.max_model_len for served in report.model_list or []]
    ready = replace(instance, port=report.port, max_model_len=next(iter(lengths), None))
    return moved(ready, S.READY, now) if ready.state in _BEFORE_READY else ready


def _end(instance: Instance, report: Report, now: datetime) -> Instance:
    how = _detail(report)
    told = replace(instance, detail=how or instance.detail)
    if instance.state is S.DRAINING and instance.end_reason in NOT_OURS:
        # Walltime, preemption, scancel: which of them, the next listing knows.
        return told
    if instance.state in (S.DRAINING, S.STOPPING):
        # Why we asked for the end says more than how it went.
        reason = instance.end_reason or EndReason.OPERATOR
        ended = replace(instance, end_reason=reason, detail=instance.detail or how)
        return moved(ended, final_state(ended.state, reason), now)
    return moved(replace(told, end_reason=EndReason.CRASHED), S.FAILED, now)


def _with_load(instance: Instance, load: LoadReport, now: datetime) -> Instance:
    busy = load.running > 0 or load.waiting > 0
    moves = not busy or load.tokens is None or load.tokens != instance.load.tokens
    return replace(
        instance,
        load=Load(load.running, load.waiting, load.kv_cache_usage, load.tokens),
        active_at=now if busy else instance.active_at,
        progress_at=now if moves else instance.progress_at,
    )


def _detail(report: Report) -> str:
    """The end of a long detail says more than its beginning; NUL has no place in a database."""
    return (report.detail or "")[-MAX_DETAIL_CHARS:].replace("\0", "")


class CallbackDesk:
    """Takes callbacks: who is it, does it speak for itself, what follows."""

    def __init__(
        self,
        store: InstanceStore,
        secrets: Secrets,
        clock: Callable[[], datetime],
        telemetry_limit: int,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._telemetry_limit = telemetry_limit
        self._rate = PerSecond(MAX_REPORTS_PER_SECOND)

    def take(self, bearer: str | None, body: bytes) -> Command:
        """Raises `Refused`. The token is `<instance id>.<secret>`: whose it is, and the proof."""
        owner = self._authenticated(bearer)
        if not self._rate.allows(owner, self._clock()):
            raise Refused(429, "A worker reports at most 10 times a second.", retry_after_s=1)
        report = parse(body)
        if report.instance_id != owner:
            raise Refused(403, "The token belongs to another instance.")
        answer: list[Command] = []

        def change(instance: Instance) -> Instance:
            after = receive(instance, report, self._clock())
            answer.append(command_for(after, report))
            reach("claim.received", when=report.event == "claim")
            return after

        self._store.receive(owner, change, self._telemetry_limit)
        reach("claim.written", when=report.event == "claim")
        reach("ready.written", when=report.event == "ready")
        reach("ended.written", when=report.event == "ended")
        return answer[-1]

    def _authenticated(self, bearer: str | None) -> str:
        owner, _, _ = (bearer or "").partition(".")
        instance = self._store.find(owner) if owner else None
        if instance is None or not is_worker_token(self._secrets, instance, bearer or ""):
            raise Refused(401, "Unknown worker token.")
        return owner
