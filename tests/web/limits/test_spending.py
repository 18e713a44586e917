"""Budgets of a day and a month: what is written down, and what is not yet."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from tests.web.limits.conftest import rule
from web.errors import QuotaExceeded
from web.limits.accounts import UsageAccounts
from web.limits.rules import Limits, Rule
from web.limits.spending import GPU_REFRESH_S, Spending
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

START = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
DAILY = rule(tokens_per_day=1000)
MONTHLY = rule(tokens_per_month=1000)


class Books:
    """Accounts of the user alice: tokens by hour. `asked` is what was read."""

    def __init__(self) -> None:
        self.now = START
        self.by_hour: dict[datetime, int] = {}
        self.hours = 0.0
        self.asked: list[tuple[datetime, datetime | None]] = []
        self.spending = Spending(self, lambda: self.now)

    def write(self, tokens: int, ago: timedelta = timedelta()) -> None:
        hour = (self.now - ago).replace(minute=0)
        self.by_hour[hour] = self.by_hour.get(hour, 0) + tokens

    def tokens(self, since: datetime, until: datetime | None) -> Mapping[str, int]:
        self.asked.append((since, until))
        within = (n for h, n in self.by_hour.items() if h >= since and (not until or h < until))
        return {"user:alice": sum(within)}

    def gpu_hours(self, since: datetime, until: datetime | None) -> Mapping[str, float]:
        return {"user:alice": self.hours}

    def refresh(self) -> None:
        self.spending.refresh(tokens=True, gpu_hours=True)

    def is_used_up(self, each: Rule) -> bool:
        try:
            self.spending.check((each,))
        except QuotaExceeded:
            return True
        return False


@pytest.fixture
def books():
    return Books()


def test_what_is_written_down_counts_from_the_start(books):
    books.write(999)
    books.refresh()
    assert not books.is_used_up(DAILY)
    books.write(1)
    books.refresh()

    assert books.is_used_up(DAILY)
    assert books.is_used_up(MONTHLY)


def test_earlier_hours_of_the_day_count_and_yesterday_only_for_the_month(books):
    books.write(600, timedelta(hours=5))
    books.write(500, timedelta(days=1))
    books.write(5000, timedelta(days=21))
    books.refresh()

    assert not books.is_used_up(DAILY)
    assert books.is_used_up(MONTHLY)


def test_what_was_settled_here_counts_before_it_is_written_down(books):
    books.refresh()
    books.spending.settle((DAILY,), 1000)
    assert books.is_used_up(DAILY)
    books.refresh()
    assert books.is_used_up(DAILY)
    books.refresh()

    assert not books.is_used_up(DAILY)


def test_there_is_room_again_when_the_day_and_the_month_begin(books):
    books.write(1000)
    books.refresh()
    books.now = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)
    books.refresh()
    assert (books.is_used_up(DAILY), books.is_used_up(MONTHLY)) == (False, True)
    books.now = datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC)
    books.refresh()

    assert not books.is_used_up(MONTHLY)


@pytest.mark.parametrize("hour", range(4))
def test_no_hour_is_missed_or_counted_twice_at_the_beginning_of_a_day(books, hour):
    books.now = datetime(2026, 11, 20, hour, 10, tzinfo=UTC)
    for ago in range(30):
        books.write(1, timedelta(hours=ago))
    books.refresh()

    day = rule(tokens_per_day=hour + 1)
    assert books.is_used_up(day)
    assert not books.is_used_up(rule(tokens_per_day=hour + 2))
    assert books.is_used_up(rule(tokens_per_month=30))
    assert not books.is_used_up(rule(tokens_per_month=31))


def test_a_refresh_reads_only_the_newest_hours_but_once_an_hour(books):
    books.refresh()
    books.asked.clear()
    for _ in range(3):
        books.refresh()
    assert {since for since, _ in books.asked} == {datetime(2026, 11, 20, 11, tzinfo=UTC)}
    books.asked.clear()
    books.now += timedelta(minutes=40)
    books.refresh()

    assert len(books.asked) == 3


def test_gpu_hours_have_budgets_of_their_own(books):
    daily = Rule("user:alice", Limits(gpu_hours_per_day=2.5))
    books.hours = 2.4
    books.refresh()
    assert not books.is_used_up(daily)
    books.hours = 2.5
    books.refresh()
    assert not books.is_used_up(daily)
    books.now += timedelta(seconds=GPU_REFRESH_S)
    books.refresh()

    assert books.is_used_up(daily)


def test_the_refusal_names_the_end_of_the_day(books):
    books.write(1000)
    books.refresh()

    with pytest.raises(QuotaExceeded, match="2026-11-21 00:00 UTC"):
        books.spending.check((DAILY,))
    with pytest.raises(QuotaExceeded, match="2026-12-01 00:00 UTC"):
        books.spending.check((MONTHLY,))


def test_the_accounts_tell_tokens_by_key_user_and_model(database):
    class Now:
        def do(self, work):
            return work()

    store = UsageStore(database)
    hour = START.replace(minute=0)
    line = Line(requests=1, prompt_tokens=7, completion_tokens=5)
    lines = ((LineKey(hour, "k1", "m", "alice"), line), (LineKey(hour, "k2", "m", "alice"), line))
    store.add("writer", Batch(1, lines), START)

    assert UsageAccounts(store, Now()).tokens(hour, None) == {
        "key:k1": 12, "key:k2": 12, "user:alice": 24, "model:m": 24,
    }  # fmt: skip
    assert UsageAccounts(store, Now()).tokens(hour + timedelta(hours=1), None) == {}
