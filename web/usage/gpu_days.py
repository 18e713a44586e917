"""GPU time by model and day, fast: a step for each allocation, whatever its length. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TypeAlias

from web.usage.gpu_hours import micros
from web.usage.spans import Span

_DAY = timedelta(days=1) // timedelta(microseconds=1)


# model, GPUs that an instance of it had, from when until when: in microseconds since 1970
Run: TypeAlias = tuple[str, int, int, int]
# model -> GPU-microseconds of each day of a span
GpuDays = Mapping[str, Sequence[int]]


def by_day(runs: Iterable[Run], span: Span, until: datetime) -> GpuDays:
    """What was allocated within the span and before `until`."""
    begin = micros(span.begin)
    end = min(micros(span.end), micros(until)) - begin
    parts: dict[str, list[int]] = {}
    # What begins to be used for whole days on a day, less what ends.
    steps: dict[str, list[int]] = {}
    for model, gpus, start_us, end_us in runs:
        start, stop = max(0, start_us - begin), min(end, end_us - begin)
        if gpus <= 0 or start >= stop:
            continue
        if model not in parts:
            parts[model], steps[model] = [0] * span.days, [0] * (span.days + 1)
        _note(parts[model], steps[model], gpus, start, stop)
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
