"""Sums of usage, as they are held until they are written, and as they are read again. Pure."""

from dataclasses import dataclass, fields
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

    def add(self, other: "Line") -> None:
        """Each count by its name: a page adds thousands of lines up."""
        self.requests += other.requests
        self.errors += other.errors
        self.aborted += other.aborted
        self.prompt_tokens += other.prompt_tokens
        self.cached_tokens += other.cached_tokens
        self.completion_tokens += other.completion_tokens
        self.estimated_tokens += other.estimated_tokens
        self.duration_s += other.duration_s


COUNTS = tuple(field.name for field in fields(Line))


@dataclass(frozen=True, slots=True)
class Batch:
    """`number` is one more than that of the writer's batch before it."""

    number: int
    lines: tuple[tuple[LineKey, Line], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """Whose usage: `since` up to `until`, both at full hours; None: of all."""

    since: datetime | None = None
    until: datetime | None = None
    user: str | None = None
    key_id: str | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Sums:
    """`names` are the values of what was asked by, in that order."""

    names: tuple[str, ...]
    line: Line
