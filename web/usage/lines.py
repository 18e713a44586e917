"""What the ledger holds until it is written: a line for each hour, key, model and user. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class LineKey(NamedTuple):
    hour: datetime  # its beginning, UTC
    key_id: str
    model: str
    user: str


@dataclass(slots=True)
class Line:
    """Sums. `estimated_tokens` of the prompt's and completions' tokens are assumed."""

    requests: int = 0
    errors: int = 0
    aborted: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    estimated_tokens: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Batch:
    """`number` is one more than that of the writer's batch before it."""

    number: int
    lines: tuple[tuple[LineKey, Line], ...]
