"""Ids that prove who made them."""

import base64
import json
import random
import re

import pytest

from web.fleet.seal import ALPHABET, is_sealed_by_us, new_id
from web.secrets import FILE_NAME, Secrets


def secrets_with(folder, current, peppers):
    """Secrets of peppers that are given as {version: byte}."""
    kept = {str(version): base64.b64encode(byte * 32).decode() for version, byte in peppers.items()}
    folder.mkdir(exist_ok=True)
    path = folder / FILE_NAME
    path.write_text(json.dumps({"current": current, "peppers": kept}))
    path.chmod(0o600)
    return Secrets(folder)


@pytest.fixture
def secrets(tmp_path):
    return secrets_with(tmp_path / "own", 1, {1: b"a"})


@pytest.fixture
def choose():
    return random.Random(4).choice


def test_an_id_is_ten_letters_and_digits_and_carries_our_seal(secrets, choose):
    for _ in range(200):
        id_ = new_id(secrets, choose)
        assert re.fullmatch(r"[a-z0-9]{10}", id_)
        assert is_sealed_by_us(secrets, id_)


def test_ids_differ_by_chance_alone(secrets, choose):
    assert len({new_id(secrets, choose) for _ in range(500)}) == 500


def test_any_other_seal_than_the_right_one_is_refused(secrets, choose):
    id_ = new_id(secrets, choose)
    for position in range(10):
        others = [c for c in ALPHABET if c != id_[position]]
        forged = [id_[:position] + c + id_[position + 1 :] for c in others]
        assert not any(is_sealed_by_us(secrets, other) for other in forged)


def test_what_another_gateway_sealed_is_not_ours(secrets, choose, tmp_path):
    other = secrets_with(tmp_path / "other", 1, {1: b"b"})
    theirs = [new_id(other, choose) for _ in range(200)]
    assert not any(is_sealed_by_us(secrets, id_) for id_ in theirs)


def test_a_seal_of_a_former_pepper_holds_until_that_is_removed(secrets, choose, tmp_path):
    id_ = new_id(secrets, choose)
    renewed = secrets_with(tmp_path / "own", 2, {1: b"a", 2: b"c"})
    assert is_sealed_by_us(renewed, id_)
    assert is_sealed_by_us(renewed, new_id(renewed, choose))
    assert not is_sealed_by_us(secrets_with(tmp_path / "own", 2, {2: b"c"}), id_)


@pytest.mark.parametrize("id_", ["", "abcdef", "abcdefghij", "ünïcödéïdß", "a" * 300])
def test_an_id_of_before_there_were_seals_has_none(secrets, id_):
    assert not is_sealed_by_us(secrets, id_)
