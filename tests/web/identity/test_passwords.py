"""Passwords of local accounts."""

import pytest

from web.identity.passwords import MAX_LENGTH, MIN_LENGTH, hash_password, is_password

GOOD = "correct horse é"


def test_only_the_very_password_opens() -> None:
    kept = hash_password(GOOD)

    assert is_password(kept, GOOD)
    for wrong in (GOOD + " ", GOOD[:-1], GOOD.upper(), "", "\x00", GOOD + "\x00", kept):
        assert not is_password(kept, wrong)


def test_the_same_password_is_kept_differently_each_time_and_never_as_it_is() -> None:
    first, second = hash_password(GOOD), hash_password(GOOD)

    assert first != second
    assert first.startswith("scrypt:32768:8:1$")
    assert GOOD not in first
    assert len(first) <= 255


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "a" * (MIN_LENGTH - 1),
        "a" * (MAX_LENGTH + 1),
        "tab\tin the middle",
        "nul\x00" * 5,
    ],
)
def test_what_is_no_password_is_not_kept(password: str) -> None:
    with pytest.raises(ValueError, match="a password has"):
        hash_password(password)


def test_an_immense_password_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bool:
        raise AssertionError("it was hashed")

    monkeypatch.setattr("web.identity.passwords.check_password_hash", never)

    assert not is_password("scrypt:32768:8:1$salt$00", "x" * 1_048_576)
