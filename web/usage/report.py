"""Usage as it is told: rows, and what they add up to. Its JSON is that of `/api/usage`. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from web.usage.lines import COUNTS, Line, Sums
from web.usage.periods import By


@dataclass(frozen=True, slots=True)
class Share:
    """What a row's part of the GPUs was; `cost` in the currency of the price, None without one."""

    gpu_hours: float
    cost: float | None = None


class UsageEntry(Struct, frozen=True, kw_only=True):
    """Sums over one combination of what was asked by. Estimated tokens are part of the others."""

    month: str | UnsetType = UNSET
    day: str | UnsetType = UNSET
    hour: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    key: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    requests: int
    errors: int
    aborted: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    estimated_tokens: int
    average_latency_s: float | None
    gpu_hours: float | UnsetType = UNSET
    cost: float | UnsetType = UNSET
    cost_per_million_tokens: float | UnsetType | None = UNSET


class UsageReport(Struct, frozen=True, kw_only=True):
    """`since` and `until` in ISO 8601, null where nothing limits the time."""

    object: str = "usage"
    by: list[str] = field(default_factory=list)
    since: str | None
    until: str | None
    currency: str | UnsetType = UNSET
    data: list[UsageEntry]
    total: UsageEntry


def report(
    by: Sequence[By],
    since: datetime | None,
    until: datetime | None,
    sums: Iterable[Sums],
    shares: Mapping[tuple[str, ...], Share] | None = None,
    currency: str | None = None,
) -> UsageReport:
    """`shares`: what each row had of the GPUs, by its names; None leaves those columns out.
    `currency`: of their costs; None where there is no price.

    Who has a share without a request, as an idle instance has, gets a row of its own.
    """
    rows = {each.names: each.line for each in sums}
    for names in shares or ():
        rows.setdefault(names, Line())
    entries = [
        _entry(line, dict(zip(by, names, strict=True)), _share_of(names, shares, currency))
        for names, line in sorted(rows.items())
    ]
    return UsageReport(
        by=[each.value for each in by],
        since=since.isoformat(timespec="minutes") if since else None,
        until=until.isoformat(timespec="minutes") if until else None,
        currency=currency if currency and shares is not None else UNSET,
        data=entries,
        total=_entry(_sum(rows.values()), {}, _sum_of_shares(shares, currency)),
    )


def _share_of(
    names: tuple[str, ...],
    shares: Mapping[tuple[str, ...], Share] | None,
    currency: str | None,
) -> Share | None:
    if shares is None:
        return None
    return shares.get(names, Share(0.0, 0.0 if currency else None))


def _entry(line: Line, names: Mapping[By, str], share: Share | None) -> UsageEntry:
    told: dict[str, Any] = {each.value: name for each, name in names.items()}
    told |= {name: getattr(line, name) for name in COUNTS if name != "duration_s"}
    if share is not None:
        told["gpu_hours"] = share.gpu_hours
        if share.cost is not None:
            told["cost"] = share.cost
            tokens = line.prompt_tokens + line.completion_tokens
            told["cost_per_million_tokens"] = share.cost / tokens * 1e6 if tokens else None
    latency_s = round(line.duration_s / line.requests, 3) if line.requests else None
    return UsageEntry(**told, average_latency_s=latency_s)


def _sum(lines: Iterable[Line]) -> Line:
    total = Line()
    for line in lines:
        total.add(line)
    return total


def _sum_of_shares(
    shares: Mapping[tuple[str, ...], Share] | None, currency: str | None
) -> Share | None:
    if shares is None:
        return None
    cost = sum(share.cost or 0.0 for share in shares.values())
    hours = sum(share.gpu_hours for share in shares.values())
    return Share(hours, cost if currency else None)
