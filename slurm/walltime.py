"""Slurm's way of writing a time limit, and when a job hears that its own is near. Pure."""

import re

# Slurm looks every 30 s and warns up to 60 s early (man sbatch, --signal).
EARLY_S = 60
# Of a short job's time, the drain may take a quarter.
DRAIN_SHARE = 0.25
MAX_WARNING_S = 65535  # man sbatch, --signal

_LIMIT = re.compile(r"(?:(?P<days>\d+)-)?(?P<clock>\d+(?::\d+){0,2})")


def seconds_of(limit: str | None) -> int | None:
    """Seconds of a time limit, None for no limit. ValueError if it is none (man sbatch, --time).

    M, M:S, H:M:S, D-H, D-H:M and D-H:M:S; with days the first number means hours.
    """
    if limit is None or limit.upper() in {"UNLIMITED", "INFINITE"}:
        return None
    found = _LIMIT.fullmatch(limit)
    if found is None:
        raise ValueError(f"not a time limit: {limit!r}")
    numbers = [int(number) for number in found["clock"].split(":")]
    if found["days"] is None and len(numbers) < 3:
        numbers.insert(0, 0)
    hours, minutes, seconds = [*numbers, 0, 0][:3]
    return int(found["days"] or 0) * 86400 + hours * 3600 + minutes * 60 + seconds


def warning_s(drain_timeout_s: float, limit: str | None) -> int:
    """Seconds before the end at which to warn a job, which then drains of its own accord.

    This is for a job that nobody else drains: whoever routes to it hands over earlier, and is not
    to be anticipated by a warning that comes early. A limit that cannot be read is left to Slurm
    to refuse.
    """
    try:
        limit_s = seconds_of(limit)
    except ValueError:
        limit_s = None
    drain_s = drain_timeout_s if limit_s is None else min(drain_timeout_s, limit_s * DRAIN_SHARE)
    return int(min(max(1, drain_s - EARLY_S), MAX_WARNING_S))
