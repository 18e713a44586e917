"""A job as the scheduler tells it: its state, and its reason in words. Pure."""

import enum
from dataclasses import dataclass
from datetime import datetime

from slurm.reasons import REASONS, STATES

# Longer free texts do not fit an error message; the scheduler's own are far shorter.
MAX_REASON_LENGTH = 160


class JobState(enum.Enum):
    """Slurm's base states, the flags squeue shows in their place, and UNKNOWN for anything newer.

    UNKNOWN is alive: a state we cannot read must never end a job that serves.
    """

    BOOT_FAIL = "BOOT_FAIL"
    CANCELLED = "CANCELLED"
    COMPLETED = "COMPLETED"
    DEADLINE = "DEADLINE"
    FAILED = "FAILED"
    NODE_FAIL = "NODE_FAIL"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    PENDING = "PENDING"
    PREEMPTED = "PREEMPTED"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    TIMEOUT = "TIMEOUT"

    COMPLETING = "COMPLETING"
    CONFIGURING = "CONFIGURING"
    LAUNCH_FAILED = "LAUNCH_FAILED"
    REQUEUED = "REQUEUED"
    REQUEUE_FED = "REQUEUE_FED"
    REQUEUE_HOLD = "REQUEUE_HOLD"
    RESIZING = "RESIZING"
    RESV_DEL_HOLD = "RESV_DEL_HOLD"
    REVOKED = "REVOKED"
    SIGNALING = "SIGNALING"
    SPECIAL_EXIT = "SPECIAL_EXIT"
    STAGE_OUT = "STAGE_OUT"
    STOPPED = "STOPPED"

    UNKNOWN = "UNKNOWN"

    @classmethod
    def parse(cls, text: str) -> "JobState":
        """`text` as squeue's %T prints it; sacct's "CANCELLED by 1000" and "CANCELLED+" too."""
        word = text.strip().split(" ", 1)[0].rstrip("+")
        return cls.__members__.get(word, cls.UNKNOWN)

    @property
    def is_over(self) -> bool:
        """The job will never run again. COMPLETING is not over: a requeue may follow."""
        return self in _OVER

    @property
    def is_running(self) -> bool:
        """The job's processes have their nodes and are not stopped."""
        return self in _RUNNING

    @property
    def is_waiting(self) -> bool:
        """The job has not started, or has been put back."""
        return self in _WAITING


_OVER = frozenset(
    {
        JobState.BOOT_FAIL,
        JobState.CANCELLED,
        JobState.COMPLETED,
        JobState.DEADLINE,
        JobState.FAILED,
        JobState.NODE_FAIL,
        JobState.OUT_OF_MEMORY,
        JobState.PREEMPTED,
        JobState.TIMEOUT,
    }
)
_RUNNING = frozenset({JobState.RUNNING, JobState.SIGNALING, JobState.RESIZING})
_WAITING = frozenset(
    {
        JobState.PENDING,
        JobState.CONFIGURING,
        JobState.REQUEUED,
        JobState.REQUEUE_FED,
        JobState.REQUEUE_HOLD,
        JobState.RESV_DEL_HOLD,
        JobState.SPECIAL_EXIT,
    }
)


@dataclass(frozen=True, slots=True)
class Job:
    """One job of ours. All times are aware UTC."""

    job_id: str
    name: str
    state: JobState
    reason: str = ""  # the scheduler's own word or free text, "" if none
    node: str | None = None  # the batch host, where the worker runs; None before the start
    submit_time: datetime | None = None
    start_time: datetime | None = None  # actual, or expected while the job waits
    end_time: datetime | None = None  # actual, or the walltime's end


@dataclass(frozen=True, slots=True)
class Explanation:
    """A job's state and reason for a researcher."""

    words: str
    terminal: bool  # waiting alone will never make this job run


def explain(state: JobState, reason: str) -> Explanation:
    """Say what `state` and `reason` mean; a reason nobody knows is passed on, shortened."""
    state_words = STATES[state.value]
    if state is JobState.UNKNOWN or state.is_running or reason.strip() in {"", "None"}:
        return Explanation(state_words, state.is_over)
    rows = [row for row in REASONS if reason.replace("_", " ").startswith(row[0].replace("_", " "))]
    if not rows:
        return Explanation(f"{state_words}: {_safe(reason)}", state.is_over)
    _, words, terminal = max(rows, key=lambda row: len(row[0]))
    if state.is_over and not terminal:  # measured: a job cancelled in the queue keeps its reason
        return Explanation(state_words, True)
    return Explanation(f"{state_words}: {words}", terminal or state.is_over)


def _safe(text: str) -> str:
    """One printable line of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MAX_REASON_LENGTH else line[: MAX_REASON_LENGTH - 1] + "…"
