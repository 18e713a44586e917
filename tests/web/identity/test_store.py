"""Keys in the database: what is kept, who is found, what ends a key."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from web.database import Database
from web.identity.keys import Principal, has_valid_form, new_key
from web.identity.store import KeyStore, NoSuchKey
from web.secrets import FILE_NAME, Secrets

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def test_a_new_key_stands_for_its_user_until_it_expires(store: KeyStore) -> None:
    record, key = store.create("ada", "laptop", 30, None, NOW)
    found = store.find(key)

    assert has_valid_form(key)
    assert found == record
    assert found is not None
    assert found.principal_at(NOW) == Principal(record.id, "ada", None)
    assert found.principal_at(NOW + timedelta(days=30, seconds=-1)) is not None
    assert found.principal_at(NOW + timedelta(days=30)) is None


def test_a_key_can_be_limited_to_models(store: KeyStore) -> None:
    record, key = store.create("ada", "", 1, ["b", "a", "b"], NOW)
    found = store.find(key)

    assert record.models == ("a", "b")
    assert found is not None
    assert found.principal_at(NOW) == Principal(record.id, "ada", frozenset({"a", "b"}))


def test_the_key_stands_nowhere_in_the_database(store: KeyStore, database: Database) -> None:
    record, key = store.create("ada", "laptop", 30, None, NOW)
    with database.read() as session:
        kept = str(session.execute(text("SELECT * FROM api_keys")).all())

    secret = key.removeprefix("sk-ks-" + record.id)
    assert record.id in kept
    assert secret not in kept
    assert secret[:12] not in kept


def test_only_the_very_key_is_found(store: KeyStore, database: Database) -> None:
    _, key = store.create("ada", "", 30, None, NOW)
    with database.read() as session:
        digest = session.execute(text("SELECT key_hash FROM api_keys")).scalar_one()

    assert store.find(key.swapcase()) is None
    assert store.find(digest) is None
    assert store.find("' OR 1=1 --") is None
    assert store.find("") is None
    assert store.find(new_key(lambda bound: 1)) is None


def test_a_row_whose_digest_was_made_with_another_pepper_is_not_believed(
    store: KeyStore, database: Database
) -> None:
    _, key = store.create("ada", "", 30, None, NOW)
    with database.write() as session:
        session.execute(text("UPDATE api_keys SET pepper_version = 7"))

    assert store.find(key) is None


def test_keys_made_before_a_change_of_pepper_go_on_working(
    database: Database, tmp_path: Path
) -> None:
    _, old_key = KeyStore(database, Secrets(tmp_path)).create("ada", "", 30, None, NOW)
    path = tmp_path / FILE_NAME
    content = json.loads(path.read_text())
    content["peppers"]["2"] = "A" * 43 + "="
    content["current"] = 2
    path.write_text(json.dumps(content))

    store = KeyStore(database, Secrets(tmp_path))
    _, new = store.create("ada", "", 30, None, NOW)

    assert store.find(old_key) is not None
    assert store.find(new) is not None


def test_a_revoked_key_is_found_but_stands_for_nobody(store: KeyStore) -> None:
    record, key = store.create("ada", "", 30, None, NOW)

    store.revoke(record.id, LATER)

    found = store.find(key)
    assert found is not None
    assert found.revoked_at == LATER
    assert found.principal_at(NOW) is None


def test_revoking_twice_keeps_the_first_time(store: KeyStore) -> None:
    record, _ = store.create("ada", "", 30, None, NOW)
    store.revoke(record.id, NOW)
    version = store.version()

    assert store.revoke(record.id, LATER).revoked_at == NOW
    assert store.version() == version


def test_a_key_is_revoked_by_its_id_its_beginning_or_the_whole_of_it(store: KeyStore) -> None:
    for part in (slice(6, 14), slice(6, 10), slice(0, 10), slice(None), slice(0, 14)):
        record, key = store.create("ada", "", 30, None, NOW)
        assert store.revoke(key[part], NOW).id == record.id


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "abc",
        "sk-ks-",
        "%%%%",
        "____",
        "no-such-key",
        "' OR 1=1",
        "abc\x00",
        "abcé",
        "\udcff" * 4,
    ],
)
def test_nothing_is_revoked_unless_one_key_answers(store: KeyStore, wanted: str) -> None:
    _, key = store.create("ada", "", 30, None, NOW)

    with pytest.raises(NoSuchKey):
        store.revoke(wanted, NOW)
    found = store.find(key)
    assert found is not None
    assert found.revoked_at is None


def test_case_counts_and_two_keys_that_begin_alike_are_not_revoked(
    store: KeyStore, database: Database
) -> None:
    first, _ = store.create("ada", "", 30, None, NOW)
    second, _ = store.create("ada", "", 30, None, NOW)
    with database.write() as session:
        for old, new in ((first.id, "AAAAbbbb"), (second.id, "AAAAcccc")):
            parameters = {"new": new, "old": old}
            session.execute(text("UPDATE api_keys SET id = :new WHERE id = :old"), parameters)

    with pytest.raises(NoSuchKey, match="more than one"):
        store.revoke("AAAA", NOW)
    with pytest.raises(NoSuchKey, match="no such key"):
        store.revoke("aaaa", NOW)
    assert store.revoke("AAAAb", NOW).id == "AAAAbbbb"


def test_keys_are_listed_all_or_by_user_with_the_newest_last(store: KeyStore) -> None:
    ada, _ = store.create("ada", "one", 30, None, NOW)
    bob, _ = store.create("bob", "two", 30, None, LATER)

    assert store.list() == [ada, bob]
    assert store.list("ada") == [ada]
    assert store.list("' OR 1=1 --") == []


def test_creating_and_revoking_raise_the_version_and_using_does_not(store: KeyStore) -> None:
    versions = [store.version()]
    record, _ = store.create("ada", "", 30, None, NOW)
    versions.append(store.version())
    store.touch({record.id: NOW})
    versions.append(store.version())
    store.revoke(record.id, NOW)
    versions.append(store.version())

    assert versions[0] < versions[1] == versions[2] < versions[3]


def test_the_last_use_never_goes_back_and_unknown_keys_are_passed_over(store: KeyStore) -> None:
    first, _ = store.create("ada", "", 30, None, NOW)
    second, _ = store.create("ada", "", 30, None, NOW)

    store.touch({first.id: LATER, second.id: NOW, "gone": NOW})
    store.touch({first.id: NOW, second.id: LATER})

    assert [record.last_used_at for record in store.list()] == [LATER, LATER]


@pytest.mark.parametrize(
    ("user", "name", "days", "models"),
    [
        ("", "", 1, None),
        ("a\nb", "", 1, None),
        (" ada", "", 1, None),
        ("a" * 256, "", 1, None),
        ("ada", "\x1b[31m", 1, None),
        ("ada", "\udcff", 1, None),
        ("ada", "", 0, None),
        ("ada", "", 3651, None),
        ("ada", "", 1, []),
        ("ada", "", 1, [""]),
        ("ａda", "", 1, None),
    ],
)
def test_junk_makes_no_key(
    store: KeyStore, user: str, name: str, days: int, models: list[str] | None
) -> None:
    with pytest.raises(ValueError, match=r"."):
        store.create(user, name, days, models, NOW)
    assert store.list() == []


def test_script_and_template_text_in_a_name_is_kept_as_text(store: KeyStore) -> None:
    name = "<script>alert(1)</script>{{7*7}}"

    assert store.create("ada", name, 1, None, NOW)[0].name == name
    assert store.list()[0].name == name
