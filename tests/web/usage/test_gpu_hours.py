"""Whose GPU-hours they are. The parts add up to the whole, whatever is asked."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from web.usage.gpu_hours import (
    UNUSED,
    Allocation,
    Part,
    apportion,
    gpu_hours,
    share_out,
    spent_by_hour,
    stretches,
    whole,
)
from web.usage.periods import By

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
END = NOON + timedelta(days=30)
DAY = (NOON - datetime(1970, 1, 1, tzinfo=UTC)).days
ADA, BOB = ("ada", ""), ("bob", "")


def at(hours):
    return NOON + timedelta(hours=hours)


def had(model, gpus, start, end):
    return Allocation(model, gpus, at(start), at(end))


def shared_out(spent, tokens, by, zone=UTC):
    """`tokens`: (model, day) -> (user, key) -> tokens."""
    parts = stretches(spent, by, zone)
    if By.USER not in by and By.KEY not in by:
        return whole(parts, by)
    totals = {day: sum(owners.values()) for day, owners in tokens.items()}

    def weigh(day, rates):
        for model, rate in rates.items():
            for (user, key_id), count in tokens[model, day].items():
                yield Part(user, key_id, model, count * rate)

    return share_out(parts, totals, by, weigh)


def hours(shared):
    return {names: gpu_hours(amount) for names, amount in shared.items()}


def test_gpus_count_from_when_a_job_had_them_until_it_gave_them_back():
    spent = spent_by_hour([had("m", 4, 0.5, 2.25), had("m", 1, 2, 3)], None, END)
    assert [gpu_hours(amount) for amount in spent["m"].values()] == [2.0, 4.0, 1.0 + 1.0]


def test_only_what_lies_within_the_time_that_is_asked_counts():
    spent = spent_by_hour([had("m", 2, -5, 50)], at(1), at(4))
    assert sum(map(gpu_hours, spent["m"].values())) == 6.0


def test_a_model_without_gpus_uses_none():
    assert spent_by_hour([had("m", 0, 0, 9)], None, END) == {}


def test_a_day_is_shared_out_by_its_tokens_with_load_and_idle_time():
    spent = spent_by_hour([had("m", 2, 0, 4)], None, END)
    shared = shared_out(spent, {("m", DAY): {ADA: 300, BOB: 100}}, [By.USER, By.MODEL])
    assert hours(shared) == {("ada", "m"): 6.0, ("bob", "m"): 2.0}


def test_tokens_of_another_model_or_another_day_are_nobodys_share():
    spent = spent_by_hour([had("m", 1, 0, 2), had("other", 1, 0, 1)], None, END)
    tokens = {("m", DAY + 1): {ADA: 5}, ("other", DAY): {ADA: 1}}
    assert hours(shared_out(spent, tokens, [By.USER])) == {(UNUSED,): 2.0, ("ada",): 1.0}


def test_days_and_months_are_those_of_the_zone_that_is_asked_for():
    berlin = ZoneInfo("Europe/Berlin")
    # 23:00 UTC is midnight in Berlin.
    spent = spent_by_hour([had("m", 1, 10, 12)], None, END)
    assert hours(shared_out(spent, {}, [By.DAY], berlin)) == {
        ("2026-11-20",): 1.0,
        ("2026-11-21",): 1.0,
    }
    assert hours(shared_out(spent, {}, [By.MONTH, By.MODEL], berlin)) == {("2026-11", "m"): 2.0}


def test_what_rounding_leaves_goes_to_somebody():
    thirds = {(name, ""): 1 for name in "abc"}
    shared = shared_out({"m": {DAY * 24: 10}}, {("m", DAY): thirds}, [By.USER])
    assert sorted(shared.values()) == [3, 3, 4]


@given(st.dictionaries(st.tuples(st.text(max_size=3)), st.floats(0, 1e9), min_size=1, max_size=9))
def test_rounding_moves_nobody_by_more_than_one(parts):
    amount = round(sum(parts.values()))
    told = apportion(amount, parts)
    assert sum(told.values()) == amount
    assert all(abs(told[names] - part) <= 1 + 1e-6 for names, part in parts.items())


MODELS = st.sampled_from(["m", "other"])
ALLOCATIONS = st.lists(
    st.builds(
        lambda model, gpus, start_s, length_s: Allocation(
            model,
            gpus,
            NOON + timedelta(seconds=start_s),
            NOON + timedelta(seconds=start_s + length_s),
        ),
        MODELS,
        st.integers(0, 8),
        st.floats(-300_000, 300_000),
        st.floats(0, 200_000),
    ),
    max_size=6,
)
OWNERS = st.tuples(st.sampled_from(["ada", "bob", "eve"]), st.sampled_from(["k1", "k2"]))
TOKENS = st.dictionaries(
    st.tuples(MODELS, st.integers(DAY - 4, DAY + 6)),
    st.dictionaries(OWNERS, st.integers(0, 10**12), max_size=4),
    max_size=10,
)


@given(
    ALLOCATIONS,
    TOKENS,
    st.lists(st.sampled_from(list(By)), unique=True),
    st.sampled_from([UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/New_York")]),
)
def test_the_parts_always_add_up_to_the_whole(allocations, tokens, by, zone):
    whole_amount = sum(
        a.gpus * ((a.end - a.start) // timedelta(microseconds=1)) for a in allocations
    )
    spent = spent_by_hour(allocations, None, END)
    assert sum(sum(per_hour.values()) for per_hour in spent.values()) == whole_amount

    shared = shared_out(spent, tokens, by, zone)
    assert sum(shared.values()) == whole_amount
    assert all(amount >= 0 for amount in shared.values())
    by_model = shared_out(spent, tokens, [By.MODEL, *by], zone)
    for model in spent:
        own = [amount for names, amount in by_model.items() if names[0] == model]
        assert sum(own) == sum(spent[model].values())


@given(ALLOCATIONS, st.integers(-200, 200))
def test_two_times_that_meet_add_up_to_both(allocations, hour):
    def total(since, until):
        spent = spent_by_hour(allocations, since, until)
        return sum(sum(per_hour.values()) for per_hour in spent.values())

    assert total(None, at(hour)) + total(at(hour), END) == total(None, END)
