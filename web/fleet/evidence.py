"""What is known of an instance beside its own state: its load over time, and probes. Data only."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """One heartbeat's requests, running and waiting."""

    at: datetime
    requests: int


@dataclass(frozen=True, slots=True)
class Probe:
    """The last answer to the question whether an instance makes a token."""

    at: datetime
    ok: bool
    # Since when every probe has failed; None when the last one succeeded.
    failing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoadSample:
    """What one instance's engine said of itself at one moment; `kv_cache_usage` from 0 to 1."""

    instance_id: str
    at: datetime
    running: int
    waiting: int
    kv_cache_usage: float
