"""Who gets in, who does not, how soon a revocation holds, and how little is asked for it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from web.database import Database
from web.errors import DatabaseUnavailable, InvalidKey, MissingKey
from web.identity import authenticator as module
from web.identity.account_store import AccountStore
from web.identity.authenticator import Authenticator
from web.identity.keys import new_key
from web.identity.store import KeyRecord, KeyStore
from web.secrets import Secrets

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AWAY = OperationalError("SELECT", {}, Exception("database is locked"))


class CountingStore(KeyStore):
    """The real store, counting what it is asked, and able to fail."""

    def __init__(self, database: Database, secrets: Secrets) -> None:
        super().__init__(database, secrets)
        self.looked_up: list[str] = []
        self.version_reads = 0
        self.touched: list[dict[str, datetime]] = []
        self.away = False

    def find(self, key: str) -> KeyRecord | None:
        self.looked_up.append(key)
        return super().find(key)

    def version(self) -> int:
        self.version_reads += 1
        if self.away:
            raise AWAY
        return super().version()

    def touch(self, used_at: dict[str, datetime]) -> None:  # type: ignore[override]
        if self.away:
            raise AWAY
        self.touched.append(used_at)
        super().touch(used_at)


class Gate:
    """An authenticator whose time passes by hand."""

    def __init__(self, store: CountingStore) -> None:
        self.store = store
        self.now = NOW
        self.elapsed_s = 1000.0
        self.authenticator = Authenticator(store, lambda: self.now, lambda: self.elapsed_s)

    def ask(self, key: str) -> str:
        """The user, or `refused`."""
        try:
            return self.authenticator.authenticate(f"Bearer {key}").user
        except InvalidKey:
            return "refused"

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.elapsed_s += seconds


@pytest.fixture
def gate(database: Database, secrets: Secrets) -> Gate:
    return Gate(CountingStore(database, secrets))


@pytest.fixture
def key(gate: Gate) -> str:
    return gate.store.create("ada", "", 30, None, NOW)[1]


def test_a_good_key_stands_for_its_user(gate: Gate, key: str) -> None:
    assert gate.ask(key) == "ada"


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer"])
def test_the_scheme_is_read_in_any_case(gate: Gate, key: str, scheme: str) -> None:
    assert gate.authenticator.authenticate(f"{scheme} {key}").user == "ada"


@pytest.mark.parametrize("header", [None, "", "  ", "Bearer", "Bearer ", "bearer   "])
def test_no_key_at_all_is_said_to_be_missing(gate: Gate, header: str | None) -> None:
    with pytest.raises(MissingKey):
        gate.authenticator.authenticate(header)


@pytest.mark.parametrize(
    "form",
    [
        "Basic {key}",
        "{key}",
        "Bearer  {key}",
        "Bearer {key} ",
        "Bearer\t{key}",
        "Bearer {key}\n",
        "Bearer {key},Bearer {key}",
        "Bearer {key} {key}",
        'Bearer "{key}"',
        "Bearer {key}\x00",
        "Bearer x{key}",
        "Bearer é",
        "Token {key}",
    ],
)
def test_a_header_of_another_form_is_refused_without_a_query(
    gate: Gate, key: str, form: str
) -> None:
    with pytest.raises(InvalidKey):
        gate.authenticator.authenticate(form.format(key=key))
    assert gate.store.looked_up == []


@pytest.mark.parametrize("bad", ["sk-x", "' OR 1=1 --", "x" * 1_048_576, "%s"])
def test_a_key_without_a_right_checksum_is_refused_without_a_query(gate: Gate, bad: str) -> None:
    assert gate.ask(bad) == "refused"
    assert (gate.store.looked_up, gate.store.version_reads) == ([], 0)


def test_the_kept_digest_is_no_key(gate: Gate, key: str, database: Database) -> None:
    with database.read() as session:
        digest = session.execute(text("SELECT key_hash FROM api_keys")).scalar_one()

    assert gate.ask(digest) == "refused"


def test_every_bad_key_is_refused_in_the_same_words(gate: Gate, database: Database) -> None:
    unknown = new_key(lambda bound: 1)
    _, expired = gate.store.create("ada", "", 1, None, NOW - timedelta(days=2))
    record, revoked = gate.store.create("ada", "", 30, None, NOW)
    gate.store.revoke(record.id, NOW)
    _, disabled = gate.store.create("bob", "", 30, None, NOW)
    AccountStore(database).disable("bob", "cli:root", NOW)

    seen = set()
    for bad in (unknown, expired, revoked, disabled, "x"):
        with pytest.raises(InvalidKey) as caught:
            gate.authenticator.authenticate(f"Bearer {bad}")
        seen.add((caught.value.message, caught.value.status, caught.value.code))
    assert len(seen) == 1


def test_many_requests_cost_one_look_up_and_one_version_a_second(gate: Gate, key: str) -> None:
    for _ in range(100):
        assert gate.ask(key) == "ada"
        gate.pass_time(0.01)

    assert gate.store.looked_up == [key]
    assert gate.store.version_reads == 2


def test_a_revoked_key_is_refused_within_a_second(gate: Gate, key: str) -> None:
    record = gate.store.list()[0]
    assert gate.ask(key) == "ada"

    gate.store.revoke(record.id, NOW)
    gate.pass_time(1.0)

    assert gate.ask(key) == "refused"


def test_the_keys_of_a_disabled_owner_are_refused_within_a_second_and_so_they_come_back(
    gate: Gate, key: str, database: Database
) -> None:
    accounts = AccountStore(database)
    assert gate.ask(key) == "ada"

    accounts.disable("ada", "cli:root", NOW)
    gate.pass_time(1.0)
    assert gate.ask(key) == "refused"

    accounts.enable("ada")
    gate.pass_time(1.0)
    assert gate.ask(key) == "ada"


def test_a_change_of_groups_holds_within_a_second(gate: Gate, key: str, database: Database) -> None:
    gate.ask(key)

    AccountStore(database).set_groups("ada", ["physics"])
    gate.pass_time(1.0)

    assert gate.authenticator.authenticate(f"Bearer {key}").groups == {"physics"}


def test_a_key_that_expires_while_it_is_remembered_is_refused_at_once(gate: Gate, key: str) -> None:
    gate.pass_time(30 * 86_400 - 0.5)
    assert gate.ask(key) == "ada"

    gate.now += timedelta(seconds=0.5)

    assert gate.ask(key) == "refused"
    assert gate.store.looked_up == [key]


def test_a_revocation_during_the_look_up_is_not_missed(gate: Gate, key: str) -> None:
    """The look-up still sees the good key, the version seen before it makes the entry void."""
    record = gate.store.list()[0]
    find = gate.store.find

    def find_then_revoke(wanted: str) -> KeyRecord | None:
        found = find(wanted)
        gate.store.revoke(record.id, NOW)
        return found

    gate.store.find = find_then_revoke  # type: ignore[method-assign]
    assert gate.ask(key) == "ada"
    gate.pass_time(1.0)

    assert gate.ask(key) == "refused"


def test_an_unknown_key_is_remembered_until_keys_change(gate: Gate) -> None:
    unknown = new_key(lambda bound: 1)
    assert [gate.ask(unknown) for _ in range(3)] == ["refused"] * 3
    assert len(gate.store.looked_up) == 1

    gate.store.create("bob", "", 30, None, NOW)
    gate.pass_time(1.0)

    assert gate.ask(unknown) == "refused"
    assert len(gate.store.looked_up) == 2


def test_a_row_that_was_removed_by_hand_is_seen_in_the_end(
    gate: Gate, key: str, database: Database
) -> None:
    assert gate.ask(key) == "ada"
    with database.write() as session:
        session.execute(text("DELETE FROM api_keys"))

    gate.pass_time(module.ENTRY_AGE_S)

    assert gate.ask(key) == "refused"


def test_memory_is_bounded_and_guesses_push_out_no_good_key(
    gate: Gate, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_UNKNOWN", 3)
    assert gate.ask(key) == "ada"
    for number in range(10):
        assert gate.ask(new_key(lambda bound, number=number: number)) == "refused"  # type: ignore[misc]

    looked_up = len(gate.store.looked_up)
    assert gate.ask(key) == "ada"
    assert gate.ask(new_key(lambda bound: 9)) == "refused"
    assert len(gate.store.looked_up) == looked_up
    assert gate.ask(new_key(lambda bound: 0)) == "refused"
    assert len(gate.store.looked_up) == looked_up + 1


def test_good_keys_are_bounded_too(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_KNOWN", 2)
    keys = [gate.store.create(f"user{n}", "", 1, None, NOW)[1] for n in range(3)]

    assert [gate.ask(key) for key in keys] == ["user0", "user1", "user2"]
    assert gate.ask(keys[0]) == "user0"
    assert gate.store.looked_up == [*keys, keys[0]]


def test_when_the_database_is_away_nobody_gets_in_and_it_is_asked_once_a_second(
    gate: Gate, key: str
) -> None:
    assert gate.ask(key) == "ada"
    gate.store.away = True
    gate.pass_time(1.0)
    reads = gate.store.version_reads

    for _ in range(5):
        with pytest.raises(DatabaseUnavailable):
            gate.authenticator.authenticate(f"Bearer {key}")
    assert gate.store.version_reads == reads + 1

    gate.store.away = False
    gate.pass_time(1.0)
    assert gate.ask(key) == "ada"


def test_the_last_use_of_each_key_is_written_in_one_batch(gate: Gate, key: str) -> None:
    for _ in range(5):
        gate.pass_time(1)
        gate.ask(key)
    assert gate.store.touched == []

    gate.authenticator.write_last_used()
    gate.authenticator.write_last_used()

    assert len(gate.store.touched) == 1
    assert gate.store.list()[0].last_used_at == NOW + timedelta(seconds=5)


def test_a_last_use_that_cannot_be_written_disturbs_nobody(
    gate: Gate, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    gate.ask(key)
    gate.store.away = True

    gate.authenticator.write_last_used()

    assert "could not be written: database is locked" in caplog.text


def test_a_refused_key_is_not_noted_as_used(gate: Gate) -> None:
    gate.ask(new_key(lambda bound: 1))
    gate.authenticator.write_last_used()

    assert gate.store.touched == []
