"""The numbers the deciders go by."""

from dataclasses import dataclass


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
    # A drain that overruns its own deadline by this much is ended from outside.
    drain_margin_s: float = 60.0
    backoff_base_s: float = 15.0
    backoff_cap_s: float = 600.0
    # From this many failed launches in a row clients are told not to retry.
    failures_before_unavailable: int = 3
