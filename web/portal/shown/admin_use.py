"""Who uses what: requests that run just now, and the last hour's use. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from web.fleet.states import Instance
from web.usage.report import UsageEntry

MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class NowLine:
    """Of one model, as its engines said in their last reports; `kv_cache` from 0 to 1, the
    fullest."""

    model: str
    instances: int
    running: int
    waiting: int
    kv_cache: float


@dataclass(frozen=True, slots=True)
class RunningLine:
    """Requests of one user for one model that run just now."""

    user: str
    model: str
    requests: int


@dataclass(frozen=True, slots=True)
class UseLine:
    user: str
    model: str
    requests: int
    errors: int
    tokens: int


def now_lines(live: Iterable[Instance]) -> tuple[NowLine, ...]:
    """The busiest model first."""
    found: dict[str, list[Instance]] = {}
    for instance in live:
        if instance.ready_at is not None and not instance.state.is_over:
            found.setdefault(instance.model, []).append(instance)
    lines = [
        NowLine(
            model,
            len(own),
            sum(i.load.running for i in own),
            sum(i.load.waiting for i in own),
            max(i.load.kv_cache_usage for i in own),
        )
        for model, own in found.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.running - line.waiting, line.model)))


def running_lines(in_flight: Mapping[tuple[str, str], int]) -> tuple[RunningLine, ...]:
    """Who has most first; at most MOST_LINES."""
    lines = [RunningLine(user, model, count) for (user, model), count in in_flight.items()]
    lines.sort(key=lambda line: (-line.requests, line.user, line.model))
    return tuple(lines[:MOST_LINES])


def use_lines(entries: Iterable[UsageEntry]) -> tuple[UseLine, ...]:
    """By user and model, those who used most tokens first; at most MOST_LINES."""
    lines = [
        UseLine(
            str(entry.user),
            str(entry.model),
            entry.requests,
            entry.errors,
            entry.prompt_tokens + entry.completion_tokens,
        )
        for entry in entries
        if entry.requests
    ]
    lines.sort(key=lambda line: (-line.tokens, -line.requests, line.user, line.model))
    return tuple(lines[:MOST_LINES])
