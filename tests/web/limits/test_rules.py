"""Which limits a request meets: of its key, its user and its model."""

from dataclasses import replace

import pytest

from web.identity.keys import Principal
from web.limits.rules import UNLIMITED, Limits, RuleBook, Scope, check_limits

ALICE = Principal("key1", "alice", None, frozenset({"staff", "gpu"}))


def applying(rows, principal=ALICE, model="m"):
    """{subject: limits}, in the order in which they are asked."""
    return {rule.subject: rule.limits for rule in RuleBook(rows).applying(principal, model)}


def test_without_rows_nothing_applies():
    assert RuleBook({}).applying(ALICE, "m") == ()


def test_key_user_and_model_are_counted_each_for_itself():
    key, user, model = (Limits(requests_per_minute=n) for n in (1, 2, 3))
    rows = {(Scope.MODEL, "m"): model, (Scope.USER, "alice"): user, (Scope.KEY, "key1"): key}

    assert applying(rows) == {"key:key1": key, "user:alice": user, "model:m": model}


def test_rows_of_others_do_not_apply():
    limits = Limits(requests_per_minute=1)
    others = ((Scope.MODEL, "n"), (Scope.USER, "bob"), (Scope.KEY, "key2"), (Scope.GROUP, "other"))

    assert applying(dict.fromkeys(others, limits)) == {}


def test_what_is_said_of_everyone_holds_for_each_user():
    rows = {(Scope.EVERYONE, ""): Limits(parallel_requests=5)}

    assert applying(rows) == {"user:alice": Limits(parallel_requests=5)}
    assert applying(rows, replace(ALICE, user="bob")) == {"user:bob": Limits(parallel_requests=5)}


def test_the_most_generous_group_wins_limit_by_limit():
    rows = {
        (Scope.GROUP, "staff"): Limits(requests_per_minute=10, parallel_requests=9),
        (Scope.GROUP, "gpu"): Limits(requests_per_minute=20, parallel_requests=3),
        (Scope.EVERYONE, ""): Limits(requests_per_minute=99, tokens_per_minute=7),
    }

    expected = Limits(requests_per_minute=20, parallel_requests=9, tokens_per_minute=7)
    assert applying(rows) == {"user:alice": expected}


def test_a_users_own_row_goes_before_groups_and_everyone_limit_by_limit():
    rows = {
        (Scope.USER, "alice"): Limits(requests_per_minute=1),
        (Scope.GROUP, "gpu"): Limits(requests_per_minute=20, tokens_per_day=2),
        (Scope.EVERYONE, ""): Limits(gpu_hours_per_month=3.5),
    }

    expected = Limits(requests_per_minute=1, tokens_per_day=2, gpu_hours_per_month=3.5)
    assert applying(rows) == {"user:alice": expected}


@pytest.mark.parametrize("scope", [Scope.USER, Scope.GROUP])
def test_unlimited_lifts_what_holds_for_everyone(scope):
    name = "alice" if scope is Scope.USER else "gpu"
    rows = {
        (scope, name): Limits(requests_per_minute=UNLIMITED),
        (Scope.EVERYONE, ""): Limits(requests_per_minute=1, parallel_requests=2),
    }

    assert applying(rows) == {"user:alice": Limits(parallel_requests=2)}


def test_an_unlimited_group_is_more_generous_than_any_number():
    rows = {
        (Scope.GROUP, "staff"): Limits(tokens_per_minute=UNLIMITED),
        (Scope.GROUP, "gpu"): Limits(tokens_per_minute=10**9),
    }

    assert applying(rows) == {}


def test_zero_is_a_limit():
    rows = {(Scope.USER, "alice"): Limits(requests_per_minute=0)}

    assert applying(rows) == {"user:alice": Limits(requests_per_minute=0)}


def test_a_share_is_never_more_than_its_part_and_never_nothing_of_something():
    whole = Limits(60, 100_001, 3, tokens_per_day=10)

    assert whole.share(4) == Limits(15, 25_000, 1, tokens_per_day=10)
    assert Limits(requests_per_minute=0).share(4).requests_per_minute == 0
    assert whole.share(1) is whole


def test_who_changes_groups_meets_other_rules_at_once():
    book = RuleBook({(Scope.GROUP, "gpu"): Limits(parallel_requests=1)})

    assert book.applying(ALICE, "m")
    assert not book.applying(replace(ALICE, groups=frozenset({"staff"})), "m")


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens_per_day", -2), ("tokens_per_day", 2**60), ("requests_per_minute", 1_000_001)],
)
def test_what_cannot_be_a_limit_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        check_limits(Limits(**{name: value}))


def test_each_subject_is_named_in_words():
    rows = dict.fromkeys(
        [(Scope.KEY, "key1"), (Scope.USER, "alice"), (Scope.MODEL, "m")], Limits(0)
    )
    whose = [rule.whose for rule in RuleBook(rows).applying(ALICE, "m")]

    assert whose == [
        "of the key key1",
        "of the user alice",
        "of the model `m`, all its users together",
    ]
