"""Time limits, as sbatch's manual page writes them."""

import pytest

from slurm.walltime import seconds_of, warning_s


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("30", 1800),
        ("1:30", 90),
        ("08:00:00", 28800),
        ("2-0", 172800),
        ("1-02:03", 93780),
        ("1-02:03:04", 93784),
        ("UNLIMITED", None),
        ("infinite", None),
        (None, None),
    ],
)
def test_every_form_is_understood(limit: str | None, seconds: int | None) -> None:
    assert seconds_of(limit) == seconds


@pytest.mark.parametrize("limit", ["", "soon", "1:2:3:4", "-5", "8h", "1-", "1.5"])
def test_anything_else_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match="time limit"):
        seconds_of(limit)


@pytest.mark.parametrize(
    ("drain_timeout_s", "limit", "seconds"),
    [
        (300.0, "08:00:00", 360),
        (300.0, None, 360),
        (300.0, "UNLIMITED", 360),
        (0.0, "08:00:00", 60),
        (300.0, "00:02:00", 60),
        (300.0, "00:10:00", 300),
        (10_000_000.0, None, 65535),
        (10_000_000.0, "20-0", 65535),
        (300.0, "0:01", 1),
        (300.0, "soon", 360),
    ],
)
def test_a_job_is_warned_in_time_to_drain_but_not_before_half_its_time(
    drain_timeout_s: float, limit: str | None, seconds: int
) -> None:
    assert warning_s(drain_timeout_s, limit) == seconds
