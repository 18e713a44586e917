"""Time limits, as sbatch's manual page writes them."""

import pytest

from slurm.walltime import seconds_of


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
