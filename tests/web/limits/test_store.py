"""Limits in the database, on SQLite and PostgreSQL alike."""

import pytest

from web.limits.rules import UNLIMITED, Limits, Scope
from web.limits.store import LimitStore


def test_what_is_set_is_read_back(database):
    store = LimitStore(database)
    everything = Limits(1, 2**40, 3, 4, 2**50, 0.5, UNLIMITED)
    changes = {name: getattr(everything, name) for name in Limits.__dataclass_fields__}

    assert store.set(Scope.USER, "alice", changes) == everything
    assert store.rows() == {(Scope.USER, "alice"): everything}


def test_a_second_set_changes_only_what_it_names(database):
    store = LimitStore(database)
    store.set(Scope.MODEL, "m", {"requests_per_minute": 5, "parallel_requests": 2})
    store.set(Scope.MODEL, "m", {"parallel_requests": 3})

    expected = Limits(requests_per_minute=5, parallel_requests=3)
    assert store.rows() == {(Scope.MODEL, "m"): expected}


def test_a_row_that_says_nothing_any_more_is_gone(database):
    store = LimitStore(database)
    store.set(Scope.MODEL, "m", {"requests_per_minute": 5})
    store.set(Scope.MODEL, "m", {"requests_per_minute": None})
    store.set(Scope.USER, "nobody", {"requests_per_minute": None})

    assert store.rows() == {}


def test_every_change_raises_the_version_and_nothing_else_does(database):
    store = LimitStore(database)
    seen = [store.version()]
    for act in (
        lambda: store.set(Scope.KEY, "abcdefgh", {"requests_per_minute": 5}),
        lambda: store.unset(Scope.KEY, "abcdefgh"),
    ):
        act()
        seen.append(store.version())
    store.list()
    assert not store.unset(Scope.KEY, "abcdefgh")

    assert len(set(seen)) == 3
    assert store.version() == seen[-1]


def test_the_list_goes_from_everyone_to_the_single_model(database):
    store = LimitStore(database)
    for scope, name in (("model", "m"), ("user", "b"), ("user", "a"), ("everyone", "")):
        store.set(Scope(scope), name, {"parallel_requests": 1})

    told = [(scope.value, name) for scope, name, _ in store.list()]
    assert told == [("everyone", ""), ("user", "a"), ("user", "b"), ("model", "m")]


def test_what_cannot_be_a_limit_changes_nothing(database):
    store = LimitStore(database)
    with pytest.raises(ValueError, match="parallel"):
        store.set(Scope.USER, "a", {"parallel_requests": -5})

    assert store.rows() == {}
    assert store.version() == 0
