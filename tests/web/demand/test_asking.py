"""Asking for a model by hand, and taking it back while nobody else has asked."""

from datetime import UTC, datetime, timedelta

from web.demand.store import LONG_AGO, TOPIC, Asked, DemandStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=30)


def test_asking_counts_one_request_and_wakes_the_fleet(database):
    store = DemandStore(database)
    assert store.ask("m", NOON) == (None, Asked(1, NOON))
    assert store.ask("m", LATER) == (Asked(1, NOON), Asked(2, LATER))
    assert store.of_model("m") == Asked(2, LATER)
    assert database.versions()[TOPIC] == 2


def test_what_nobody_else_asked_for_can_be_taken_back(database):
    store = DemandStore(database)
    _, asked = store.ask("m", NOON)
    assert store.withdraw("m", asked.requests)
    assert store.of_model("m") == Asked(1, LONG_AGO)


def test_what_somebody_else_asked_for_meanwhile_stays_asked_for(database):
    store = DemandStore(database)
    _, asked = store.ask("m", NOON)
    store.add({"m": Asked(1, LATER)}, cold=True)
    assert not store.withdraw("m", asked.requests)
    assert store.of_model("m") == Asked(2, LATER)


def test_asking_on_is_no_request_of_somebody_else(database):
    store = DemandStore(database)
    _, asked = store.ask("m", NOON)
    store.add({"m": Asked(0, LATER)}, cold=True)
    assert store.of_model("m").last_at == LATER
    assert store.withdraw("m", asked.requests)


def test_a_model_that_nobody_ever_asked_for_cannot_be_taken_back(database):
    store = DemandStore(database)
    assert not store.withdraw("m", 0)
    assert store.of_model("m") is None
