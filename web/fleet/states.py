"""What an instance can be, which moves are allowed, and why it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class InstanceState(StrEnum):
    SUBMITTING = "submitting"  # the row is written, the job id not yet known
    PENDING = "pending"  # queued in Slurm
    STARTING = "starting"  # the job runs, the engine is not proven
    READY = "ready"  # proven by a real one-token answer; the only routable state
    UNREADY = "unready"  # was ready; probes or traffic fail
    DRAINING = "draining"  # no new requests, those in flight finish
    STOPPING = "stopping"  # scancel is sent, or about to be sent again
    STOPPED = "stopped"  # over, and we asked for it
    FAILED = "failed"  # over, and we did not

    @property
    def is_over(self) -> bool:
        return self in _OVER

    @property
    def is_present(self) -> bool:
        """Serves or will serve: what keeps the planner from launching another."""
        return self in _PRESENT


class EndReason(StrEnum):
    IDLE = "idle"
    SCALED_DOWN = "scaled_down"
    REPLACED = "replaced"
    OPERATOR = "operator"
    WALLTIME = "walltime"
    PREEMPTED = "preempted"
    NODE_FAIL = "node_fail"
    OUT_OF_MEMORY = "out_of_memory"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NEVER_READY = "never_ready"
    UNHEALTHY = "unhealthy"
    CRASHED = "crashed"


S = InstanceState
_OVER = frozenset({S.STOPPED, S.FAILED})
_PRESENT = frozenset({S.SUBMITTING, S.PENDING, S.STARTING, S.READY, S.UNREADY})

NEAREST_TO_READY = (
    S.READY,
    S.UNREADY,
    S.STARTING,
    S.PENDING,
    S.SUBMITTING,
    S.DRAINING,
    S.STOPPING,
)

# PENDING is reachable from every running state: Slurm requeues jobs under the same id. READY is
# reachable from PENDING: a listing can lag behind the worker
# (docs/decisions/0002-requeue-goes-back-to-pending.md).
MOVES: Mapping[InstanceState, frozenset[InstanceState]] = {
    S.SUBMITTING: frozenset({S.PENDING, S.STARTING, S.STOPPING, S.FAILED}),
    S.PENDING: frozenset({S.STARTING, S.READY, S.STOPPING, S.FAILED}),
    S.STARTING: frozenset({S.PENDING, S.READY, S.DRAINING, S.STOPPING, S.FAILED}),
    S.READY: frozenset({S.PENDING, S.STARTING, S.UNREADY, S.DRAINING, S.STOPPING, S.FAILED}),
    S.UNREADY: frozenset({S.PENDING, S.STARTING, S.READY, S.DRAINING, S.STOPPING, S.FAILED}),
    S.DRAINING: frozenset({S.PENDING, S.STARTING, S.STOPPING, S.STOPPED, S.FAILED}),
    S.STOPPING: frozenset({S.STOPPED}),
    S.STOPPED: frozenset(),
    S.FAILED: frozenset(),
}

NOT_OURS = frozenset(
    {
        EndReason.WALLTIME,
        EndReason.PREEMPTED,
        EndReason.NODE_FAIL,
        EndReason.OUT_OF_MEMORY,
        EndReason.CANCELLED,
    }
)
"""Ends that Slurm or somebody at its prompt brought about."""

LAUNCH_FAILURES = frozenset(
    {EndReason.REJECTED, EndReason.NEVER_READY, EndReason.CRASHED, EndReason.OUT_OF_MEMORY}
)
"""Ends that say something about the model or its settings; the others come from outside."""


def final_state(state: InstanceState, reason: EndReason) -> InstanceState:
    """STOPPED when we asked for the end, FAILED when we did not (a drain can be Slurm's wish)."""
    return S.FAILED if state is S.DRAINING and reason in NOT_OURS else S.STOPPED


@dataclass(frozen=True, slots=True)
class Load:
    """What the engine said of itself in the last heartbeat."""

    running: int = 0
    waiting: int = 0
    kv_cache_usage: float = 0.0
    # Read and written since the engine started; None when it does not tell.
    tokens: int | None = None

    @property
    def requests(self) -> int:
        return self.running + self.waiting


@dataclass(frozen=True, slots=True)
class Instance:
    """One vLLM server run by one job. All times are the gateway's clock, in UTC."""

    id: str
    model: str
    cluster: str
    state: InstanceState
    created_at: datetime
    state_since: datetime
    # Which pepper its token and engine key are derived from.
    secret_version: int = 1
    # What it was launched with: the deployment's fingerprint, and its GPUs.
    fingerprint: str = ""
    gpus: int = 0
    job_id: str | None = None
    end_reason: EndReason | None = None
    detail: str = ""
    # It failed in a way that no repetition of the same launch can mend.
    terminal: bool = False
    # What Slurm said last.
    slurm_state: str = ""
    slurm_reason: str = ""
    estimated_start: datetime | None = None
    walltime_end: datetime | None = None
    node: str | None = None
    missing_listings: int = 0
    # What the worker said last.
    claimed_by: str | None = None
    restart_count: int = 0
    sequence: int = -1
    port: int | None = None
    max_model_len: int | None = None
    load: Load = field(default_factory=Load)
    heartbeat_at: datetime | None = None
    active_at: datetime | None = None
    # When the engine was last seen idle or making tokens.
    progress_at: datetime | None = None
    # When Slurm gave the job its nodes and took them back, by Slurm's own word; the GPU-seconds of
    # its runs before a requeue.
    allocated_at: datetime | None = None
    released_at: datetime | None = None
    gpu_seconds_before: float = 0.0
    # Milestones.
    running_since: datetime | None = None
    ready_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_routable(self) -> bool:
        return self.state is S.READY and self.node is not None and self.port is not None
