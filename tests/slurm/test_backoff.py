"""The pause between tries."""

from slurm.backoff import Backoff


def test_the_first_try_is_free() -> None:
    assert Backoff().wait_s(0.0) == 0


def test_pauses_double_from_one_second_to_one_minute() -> None:
    backoff, pauses = Backoff(), []
    for _ in range(9):
        backoff.failed(100.0, chance=1.0)
        pauses.append(backoff.wait_s(100.0))
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_chance_shortens_a_pause_by_half_at_most() -> None:
    backoff = Backoff()
    backoff.failed(100.0, chance=0.0)
    assert backoff.wait_s(100.0) == 0.5


def test_a_pause_passes_with_time() -> None:
    backoff = Backoff()
    backoff.failed(100.0, chance=1.0)
    assert backoff.wait_s(100.75) == 0.25
    assert backoff.wait_s(101.0) == 0


def test_success_forgets_all_failures() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.failed(100.0, chance=1.0)
    backoff.succeeded()
    assert backoff.wait_s(100.0) == 0
    backoff.failed(100.0, chance=1.0)
    assert backoff.wait_s(100.0) == 1
