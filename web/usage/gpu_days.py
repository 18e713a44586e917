"""GPU time by model and day, fast: a step for each allocation, whatever its length. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from web.usage.gpu_hours import Allocation
from web.usage.spans import Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1) // _MICROSECOND

# model -> GPU-microseconds of each day of a span
GpuDays = Mapping[str, Sequence[int]]


def by_day(allocations: Iterable[Allocation], span: Span, until: datetime) -> GpuDays:
    """What was allocated within the span and before `until`."""
    begin = _micros(span.begin)
    end = min(_micros(span.end), _micros(until)) - begin
    parts: dict[str, list[int]] = {}
    # What begins to be used for whole days on a day, less what ends.
    steps: dict[str, list[int]] = {}
    for each in allocations:
        start = max(0, _micros(each.start) - begin)
        stop = min(end, _micros(each.end) - begin)
        if each.gpus <= 0 or start >= stop:
            continue
        if each.model not in parts:
            parts[each.model], steps[each.model] = [0] * span.days, [0] * (span.days + 1)
        _note(parts[each.model], steps[each.model], each.gpus, start, stop)
    return {
        model: [
            part + whole
            for part, whole in zip(parts[model], accumulate(steps[model]), strict=False)
        ]
        for model in parts
    }


def _note(parts: list[int], steps: list[int], gpus: int, start: int, stop: int) -> None:
    first, last = start // _DAY, stop // _DAY
    if first == last:
        parts[first] += gpus * (stop - start)
        return
    parts[first] += gpus * ((first + 1) * _DAY - start)
    if stop > last * _DAY:
        parts[last] += gpus * (stop - last * _DAY)
    steps[first + 1] += gpus * _DAY
    steps[last] -= gpus * _DAY


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
