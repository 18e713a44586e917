"""Slurm's way of writing a time limit. Pure."""

import re

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
