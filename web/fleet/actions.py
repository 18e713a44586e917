"""What a decider may ask for. Data only: the reconciler carries them out."""

from dataclasses import dataclass, field
from datetime import datetime

from slurm.jobs import Job
from web.fleet.allocation import Run
from web.fleet.states import EndReason, InstanceState


@dataclass(frozen=True, slots=True)
class Launch:
    """Write an intent, then submit a job for it."""

    model: str
    why: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Note:
    """Record what Slurm said of a job, in a listing that was asked for at `looked_at`."""

    instance_id: str
    job: Job
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class NoteMissing:
    """Record that a successful listing lacked the instance's job."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Send no new requests; the worker ends the job when those in flight are done."""

    instance_id: str
    reason: EndReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Mark the instance as stopping and scancel its job."""

    instance_id: str
    job_id: str | None
    reason: EndReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CancelJob:
    """scancel a job that carries our instance's name but must not run: a twin or a revenant."""

    job_id: str
    instance_id: str


@dataclass(frozen=True, slots=True)
class End:
    """The instance is over; `state` is STOPPED or FAILED."""

    instance_id: str
    state: InstanceState
    reason: EndReason
    detail: str = ""
    # What Slurm told of the job's last run, or what is assumed of it.
    run: Run = field(default=Run(), compare=False)


@dataclass(frozen=True, slots=True)
class Suspect:
    """The instance does not answer: send it nothing until it has proved itself."""

    instance_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class Trust:
    """A suspected instance has answered with a token: it is ready again."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Fulfil:
    """Record that an administrator's order was carried out, and how."""

    order_id: int
    outcome: str


Action = Launch | Note | NoteMissing | Drain | Cancel | CancelJob | End | Suspect | Trust | Fulfil
