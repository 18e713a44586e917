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


class UsageReport(Struct, frozen=True, kw_only=True):
    """`since` and `until` in ISO 8601, null where nothing limits the time."""

    object: str = "usage"
    by: list[str] = field(default_factory=list)
    since: str | None
    until: str | None
    data: list[UsageEntry]
    total: UsageEntry


def report(
    by: Sequence[By],
    since: datetime | None,
    until: datetime | None,
    sums: Iterable[Sums],
    shares: Mapping[tuple[str, ...], Share] | None = None,
) -> UsageReport:
    """`shares`: what each row had of the GPUs, by its names; None leaves those columns out.

    Who has a share without a request, as an idle instance has, gets a row of its own.
    """
    rows = {each.names: each.line for each in sums}
    for names in shares or ():
        rows.setdefault(names, Line())
    entries = [
        _entry(line, dict(zip(by, names, strict=True)), _share_of(names, shares))
        for names, line in sorted(rows.items())
    ]
    return UsageReport(
        by=[each.value for each in by],
        since=since.isoformat(timespec="minutes") if since else None,
        until=until.isoformat(timespec="minutes") if until else None,
        data=entries,
        total=_entry(_sum(rows.values()), {}, _sum_of_shares(shares)),
    )


def _share_of(
    names: tuple[str, ...], shares: Mapping[tuple[str, ...], Share] | None
) -> Share | None:
    return None if shares is None else shares.get(names, Share(0.0))


def _entry(line: Line, names: Mapping[By, str], share: Share | None) -> UsageEntry:
    told: dict[str, Any] = {each.value: name for each, name in names.items()}
    told |= {name: getattr(line, name) for name in COUNTS if name != "duration_s"}
    if share is not None:
        told["gpu_hours"] = share.gpu_hours
        if share.cost is not None:
            told["cost"] = share.cost
    latency_s = round(line.duration_s / line.requests, 3) if line.requests else None
    return UsageEntry(**told, average_latency_s=latency_s)


def _sum(lines: Iterable[Line]) -> Line:
    total = Line()
    for line in lines:
        for name in COUNTS:
            setattr(total, name, getattr(total, name) + getattr(line, name))
    return total


def _sum_of_shares(shares: Mapping[tuple[str, ...], Share] | None) -> Share | None:
    if shares is None:
        return None
    costs = [share.cost for share in shares.values() if share.cost is not None]
    hours = sum(share.gpu_hours for share in shares.values())
    return Share(hours, sum(costs) if costs else None)
