"""What is shown of a key, and what a form may wish for."""

from datetime import UTC, datetime, timedelta

import pytest

from web.identity.search_store import KeyStanding
from web.identity.store import KeyRecord
from web.portal.shown.home import key_card
from web.portal.shown.keys import Wish, key_shown, soon, standing_words

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def record(days: int = 90, age: timedelta = timedelta(), **changes: object) -> KeyRecord:
    told: dict[str, object] = {
        "id": "AbCd1234",
        "user": "ada",
        "name": "thesis",
        "models": None,
        "created_at": NOON - age,
        "expires_at": NOON - age + timedelta(days=days),
        "revoked_at": None,
        "last_used_at": None,
        "is_service": False,
        "pepper_version": 1,
        "owner": None,
    }
    return KeyRecord(**{**told, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "badge", "works"),
    [
        (record(), "works", True),
        (record(age=76 * DAY), "ends soon", True),
        (record(age=75 * DAY), "works", True),
        (record(age=90 * DAY), "expired", False),
        (record(revoked_at=NOON), "revoked", False),
        (record(age=90 * DAY, revoked_at=NOON), "revoked", False),
    ],
)
def test_a_key_is_called_what_it_is(key: KeyRecord, badge: str, works: bool) -> None:
    shown = key_shown(key, NOON)

    assert (shown.badge_words, shown.works, shown.can_rotate) == (badge, works, works)


@pytest.mark.parametrize(("days", "warned_days"), [(90, 14), (56, 14), (8, 2), (1, 0.25)])
def test_a_key_for_few_days_warns_for_a_quarter_of_them(days: int, warned_days: float) -> None:
    assert soon(record(days)) == warned_days * DAY


def test_a_warning_says_when() -> None:
    assert key_shown(record(age=85 * DAY), NOON).warning == "Ends in 5 d."
    assert key_shown(record(), NOON).warning == ""


def test_a_key_without_a_name_is_called_by_its_beginning() -> None:
    assert key_shown(record(), NOON).called == "“thesis”"
    assert key_shown(record(name=""), NOON).called == "sk-ks-AbCd1234…"


def test_a_programs_key_is_not_replaced_by_its_owner() -> None:
    assert not key_shown(record(is_service=True), NOON).can_rotate


@pytest.mark.parametrize(
    ("standing", "words", "badge"),
    [
        (KeyStanding(0, None, None), "You have no key that works.", "no key"),
        (
            KeyStanding(1, NOON + 30 * DAY, None),
            "You have one key. It works for another 30 d.",
            "working",
        ),
        (
            KeyStanding(2, NOON + 3 * DAY, None),
            "You have 2 keys that work. The first one ends in 3 d.",
            "one ends soon",
        ),
    ],
)
def test_all_keys_of_a_user_are_one_line(standing: KeyStanding, words: str, badge: str) -> None:
    assert standing_words(standing, NOON) == words
    assert key_card(standing, NOON).badge_words == badge


@pytest.mark.parametrize(("days", "life"), [("", 90), ("1", 1), ("90", 90), ("007", 7)])
def test_a_wish_for_days_is_a_life(days: str, life: int) -> None:
    assert Wish("", days, ()).life_days(90) == life


@pytest.mark.parametrize("days", ["0", "91", "-1", "1.0", "1_0", "+5", "ten", "٣", "1" * 5])
def test_another_wish_is_none(days: str) -> None:
    with pytest.raises(ValueError, match="day"):
        Wish("", days, ()).life_days(90)


def test_no_model_ticked_means_all_of_them_and_others_models_none() -> None:
    assert Wish("", "", ()).limited_to(["a", "b"]) is None
    assert Wish("", "", ("b",)).limited_to(["a", "b"]) == ("b",)
    with pytest.raises(ValueError, match="'c'"):
        Wish("", "", ("a", "c")).limited_to(["a", "b"])
