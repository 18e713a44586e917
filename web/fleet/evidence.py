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
