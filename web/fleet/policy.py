"""The numbers the deciders go by."""

from dataclasses import dataclass
from typing import Self

HISTORY_PER_MODEL = 8
"""The ended instances of a model that the deciders know of, the newest."""


@dataclass(frozen=True, slots=True)
class Policy:
    # A client that obeys Retry-After (at most 60 s) renews its demand well within this.
    demand_ttl_s: float = 180.0
    # One listing can miss a job that moves between states; two in a row have not been seen to.
    missing_listings_before_end: int = 2
    # After an ambiguous sbatch the job can still appear when slurmctld wakes
    # (measured: sbatch gives up after 10 s).
    submit_grace_s: float = 60.0
    # scancel is asked again when its job still lives after this long (KillWait is 30 s).
    stop_retry_s: float = 60.0
    # A queued job goes at once: one still there was never told (whoever was to tell it died).
    queued_stop_retry_s: float = 5.0
    # A drain that overruns its own deadline by this much is ended from outside.
    drain_margin_s: float = 60.0
    # A job of ours that nobody wants has this long to be told from one that is being recorded.
    orphan_grace_s: float = 60.0

    backoff_base_s: float = 15.0
    backoff_cap_s: float = 600.0
    # After this many failed launches in a row a model is left to a person.
    failures_before_unavailable: int = 3
    # Whoever dies of itself before it has served for this long counts as a failed launch.
    brief_life_s: float = 120.0
    # Against a storm of submissions, whatever brings it about; all models together.
    launches_per_minute: int = 30

    # How long a launch takes: the longest of the last few, or this where there was none.
    starts_remembered: int = 8
    unseen_start_s: float = 600.0
    # A successor is launched that much earlier than past starts ask for: times this, and this more.
    # Simulated months: more brings nothing, less leaves models down after long queues.
    lead_margin: float = 2.0
    lead_least_s: float = 30.0

    # Three heartbeats of 10 s and a delivery.
    silent_after_s: float = 35.0
    # Requests but no token for this long is more than a long prompt: worth a probe's answer.
    stuck_after_s: float = 45.0
    # Suspected that long without a sign of life: replaced.
    unhealthy_after_s: float = 75.0

    @classmethod
    def for_heartbeats_every(cls, interval_s: float) -> Self:
        """The policy of a gateway whose workers report every `interval_s`."""
        return cls(silent_after_s=3 * interval_s + 5.0)
