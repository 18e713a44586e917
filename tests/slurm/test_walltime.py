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
        (300.0, "08:00:00", 240),
        (300.0, None, 240),
        (300.0, "UNLIMITED", 240),
        (0.0, "08:00:00", 1),
        (300.0, "00:02:00", 1),
        (300.0, "00:10:00", 90),
        (10_000_000.0, None, 65535),
        (10_000_000.0, "20-0", 65535),
        (300.0, "soon", 240),
    ],
)
def test_a_job_is_warned_while_it_can_drain_but_never_before_it_is_handed_over(
    drain_timeout_s: float, limit: str | None, seconds: int
) -> None:
    assert warning_s(drain_timeout_s, limit) == seconds
