"""The form of a key."""

import math
import random
import secrets
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.identity.keys import has_valid_form, key_id, masked, new_key

KEY = new_key(random.Random(1).randrange)
BASE62 = string.digits + string.ascii_letters


def test_a_new_key_has_the_prefix_and_base_62_after_it() -> None:
    assert KEY.startswith("sk-ks-")
    assert len(KEY) == len("sk-ks-") + 40 + 6
    assert set(KEY.removeprefix("sk-ks-")) <= set(BASE62)
    assert has_valid_form(KEY)


def test_what_the_public_id_leaves_secret_is_at_least_190_bits() -> None:
    secret = KEY.removeprefix("sk-ks-" + key_id(KEY))[:-6]

    assert len(secret) * math.log2(62) >= 190


def test_every_character_comes_from_the_randomness_given() -> None:
    asked: list[int] = []

    def count_up(bound: int) -> int:
        asked.append(bound)
        return len(asked) % bound

    key = new_key(count_up)

    assert asked == [62] * 40
    assert len(set(key[6:46])) == 40


def test_keys_differ() -> None:
    assert len({new_key(secrets.randbelow) for _ in range(100)}) == 100


@pytest.mark.parametrize("place", range(len("sk-ks-"), len(KEY)))
def test_a_single_mistyped_character_is_noticed_wherever_it_is(place: int) -> None:
    other = "x" if KEY[place] != "x" else "y"

    assert not has_valid_form(KEY[:place] + other + KEY[place + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", "sk-ks-", KEY[:-1], KEY + "0", KEY + "\n", " " + KEY, KEY.lower(), "x" * 1_048_576,
     "sk-proj-" + KEY[6:], KEY[:20] + "é" + KEY[21:], KEY[:20] + "٣" + KEY[21:], "' OR 1=1 --"],
)  # fmt: skip
def test_other_text_has_no_valid_form(text: str) -> None:
    assert not has_valid_form(text)


def test_the_id_is_the_beginning_of_the_key() -> None:
    assert KEY.startswith("sk-ks-" + key_id(KEY))
    assert len(key_id(KEY)) == 8


def test_masking_shows_the_id_of_a_key_and_nothing_of_anything_else() -> None:
    assert masked(KEY) == f"sk-ks-{key_id(KEY)}…"
    assert masked("my password") == "…"
    assert masked(KEY[:-1]) == "…"


@given(st.text())
def test_any_text_has_a_valid_form_or_not(text: str) -> None:
    assert not has_valid_form(text)
