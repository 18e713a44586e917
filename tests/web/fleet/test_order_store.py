"""Orders in the database, on both kinds of database."""

import pytest

from tests.web.fleet.worlds import ID, NOW, later
from web.fleet.order_store import TOPIC, OrderStore
from web.fleet.orders import Order, OrderKind
from web.fleet.store import FleetStore
from web.lock.store import FleetLock, LostLock

K = OrderKind


@pytest.fixture
def orders(database):
    return OrderStore(database)


@pytest.fixture
def fleet(database):
    lock = FleetLock(database, "host:1", life_s=5)
    assert lock.acquire(NOW)
    return FleetStore(database, lock)


def test_an_order_stays_open_until_it_is_fulfilled(orders, fleet):
    first = orders.give(K.DRAIN, "m", ID, "ada", NOW)
    second = orders.give(K.STOP, "n", None, "ada", later(1))
    assert orders.open() == (
        Order(first, K.DRAIN, "m", ID, NOW),
        Order(second, K.STOP, "n", None, later(1)),
    )
    fleet.fulfil(first, "one instance is being drained", later(2))
    assert [order.id for order in orders.open()] == [second]


def test_an_order_tells_who_gave_it_and_what_came_of_it(orders, fleet):
    id_ = orders.give(K.STOP, "m", None, "ada", NOW)
    open_ = orders.find(id_)
    assert (open_.given_by, open_.done_at, open_.outcome) == ("ada", None, "")
    fleet.fulfil(id_, "done", later(3))
    done = orders.find(id_)
    assert (done.order, done.given_by) == (Order(id_, K.STOP, "m", None, NOW), "ada")
    assert (done.done_at, done.outcome) == (later(3), "done")


def test_the_last_orders_are_told_newest_first_done_or_open(orders, fleet):
    ids = [orders.give(K.STOP, f"m{n}", None, "ada", later(n)) for n in range(4)]
    fleet.fulfil(ids[3], "done", later(9))
    recent = orders.recent(2)
    assert [(r.order.id, r.outcome) for r in recent] == [(ids[3], "done"), (ids[2], "")]


def test_an_order_that_nobody_gave_is_not_there(orders, fleet):
    assert orders.find(4711) is None
    fleet.fulfil(4711, "done", NOW)
    assert orders.find(4711) is None


def test_the_first_outcome_of_an_order_stands(orders, fleet):
    id_ = orders.give(K.STOP, "m", None, "ada", NOW)
    fleet.fulfil(id_, "one instance is being stopped", later(3))
    fleet.fulfil(id_, "there was no instance to end", later(9))
    assert orders.find(id_).outcome == "one instance is being stopped"
    assert orders.find(id_).done_at == later(3)


def test_giving_an_order_wakes_the_fleet_and_fulfilling_it_does_not(database, orders, fleet):
    id_ = orders.give(K.STOP, "m", None, "ada", NOW)
    woken = database.versions()[TOPIC]
    assert orders.give(K.STOP, "m", None, "ada", NOW) != id_
    assert database.versions()[TOPIC] == woken + 1
    fleet.fulfil(id_, "done", NOW)
    assert database.versions()[TOPIC] == woken + 1


def test_the_newest_retry_of_a_model_counts_whether_done_or_open(orders, fleet):
    orders.give(K.RETRY, "m", None, "ada", NOW)
    fleet.fulfil(orders.give(K.RETRY, "m", None, "ada", later(5)), "done", later(6))
    orders.give(K.RETRY, "n", None, "ada", later(7))
    orders.give(K.STOP, "o", None, "ada", later(8))
    assert orders.retried() == {"m": later(5), "n": later(7)}


def test_whoever_lost_the_lock_fulfils_nothing(database, orders, fleet):
    id_ = orders.give(K.STOP, "m", None, "ada", NOW)
    assert FleetLock(database, "host:2", life_s=5).acquire(later(60))
    with pytest.raises(LostLock):
        fleet.fulfil(id_, "done", later(61))
    assert orders.find(id_).done_at is None
