"""GPU-hours from the rows of instances and of usage, on both databases."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.web.fleet.worlds import instance
from web.fleet.states import InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock
from web.usage.asking import Asked, UsageDesk
from web.usage.gpu_desk import GpuDesk
from web.usage.gpu_store import GpuStore
from web.usage.lines import Batch, Line, LineKey, Question
from web.usage.periods import By
from web.usage.rendering import as_table
from web.usage.store import UsageStore

S = InstanceState
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TODAY = datetime(2026, 11, 20, tzinfo=UTC)


def ago(hours):
    return NOW - timedelta(hours=hours)


@pytest.fixture
def fleet(database):
    lock = FleetLock(database, "host:1", life_s=600)
    assert lock.acquire(NOW)
    store = FleetStore(database, lock)

    def add(id_, state=S.STOPPED, **changes):
        store.intend(instance(state, id=id_, **{"created_at": ago(100), **changes}))

    return add


@pytest.fixture
def use(database):
    numbers = iter(range(1, 100))

    def add(user, model, tokens, hour=None, key="k1"):
        line = Line(requests=1, prompt_tokens=tokens - 1, completion_tokens=1)
        batch = Batch(next(numbers), ((LineKey(hour or ago(1), key, model, user), line),))
        UsageStore(database).add("w", batch, NOW)

    return add


@pytest.fixture
def desk(database):
    return GpuDesk(GpuStore(database), lambda: NOW, Decimal("2.5"))


def hours(desk, *by, **question):
    found = desk.shares(by, Question(**question), UTC)
    return {names: share.gpu_hours for names, share in found.items()}


def test_a_gateway_without_gpus_tells_nothing_of_them(fleet, desk):
    fleet("a", gpus=0, allocated_at=ago(3), released_at=ago(1))
    assert desk.shares([By.MODEL], Question(), UTC) is None


def test_every_instance_counts_whether_over_or_not_or_put_back(fleet, desk):
    fleet("over", gpus=2, allocated_at=ago(4), released_at=ago(2))
    fleet("runs", S.READY, gpus=1, allocated_at=ago(3))
    fleet("waits", S.PENDING, gpus=1, gpu_seconds_before=1800.0, created_at=ago(9))
    fleet("queued", S.PENDING, gpus=8)
    fleet("silent", S.READY, gpus=1, allocated_at=ago(5), walltime_end=ago(4))
    assert hours(desk, By.MODEL) == {("m",): 4.0 + 3.0 + 0.5 + 1.0}


def test_only_what_lies_within_the_question_counts(fleet, desk):
    fleet("a", gpus=1, allocated_at=ago(10), released_at=ago(2))
    fleet("b", model="other", gpus=1, allocated_at=ago(3), released_at=ago(2))
    assert hours(desk, since=ago(4), until=ago(3)) == {(): 1.0}
    assert hours(desk, By.MODEL, since=ago(4)) == {("m",): 2.0, ("other",): 1.0}
    assert hours(desk, since=ago(4), model="other") == {(): 1.0}
    assert hours(desk, since=ago(1)) == {}


def test_users_share_a_day_by_their_tokens_of_the_whole_of_it(fleet, desk, use):
    fleet("a", gpus=4, allocated_at=ago(3), released_at=ago(1))
    use("ada", "m", 300, hour=TODAY)
    use("bob", "m", 100, hour=ago(1))
    use("eve", "m", 999, hour=TODAY - timedelta(hours=1))
    use("eve", "other", 999)

    assert hours(desk, By.USER) == {("ada",): 6.0, ("bob",): 2.0}
    assert hours(desk, By.USER, By.DAY, since=ago(2)) == {
        ("ada", "2026-11-20"): 3.0,
        ("bob", "2026-11-20"): 1.0,
    }
    assert hours(desk, By.MODEL, user="ada") == {("m",): 6.0}


def test_days_without_tokens_are_nobodys(fleet, desk, use):
    fleet("a", gpus=1, allocated_at=TODAY - timedelta(hours=3), released_at=TODAY)
    fleet("b", gpus=1, allocated_at=ago(2), released_at=ago(1))
    use("ada", "m", 10)
    assert hours(desk, By.USER) == {("(unused)",): 3.0, ("ada",): 1.0}
    assert hours(desk, By.MODEL) == {("m",): 4.0}
    assert hours(desk, user="ada") == {(): 1.0}


def test_keys_are_charged_apart(fleet, desk, use):
    fleet("a", gpus=1, allocated_at=ago(4), released_at=NOW)
    use("ada", "m", 30, key="k1")
    use("ada", "m", 10, key="k2")
    assert hours(desk, By.KEY) == {("k1",): 3.0, ("k2",): 1.0}
    assert hours(desk, By.USER, key_id="k2") == {("ada",): 1.0}


def test_budgets_are_told_by_subject(fleet, desk, use):
    fleet("a", gpus=1, allocated_at=ago(4), released_at=NOW)
    fleet("idle", model="other", gpus=1, allocated_at=ago(1), released_at=NOW)
    use("ada", "m", 30, key="k1")
    use("bob", "m", 10, key="k2")

    assert desk.hours_by_subject(TODAY, None) == {
        "user:ada": 3.0, "key:k1": 3.0, "user:bob": 1.0, "key:k2": 1.0,
        "model:m": 4.0, "model:other": 1.0,
    }  # fmt: skip


def test_the_report_tells_cost_and_cost_per_million_tokens(database, fleet, desk, use):
    fleet("a", gpus=1, allocated_at=ago(4), released_at=NOW)
    fleet("idle", model="idle", gpus=1, allocated_at=ago(1), released_at=NOW)
    use("ada", "m", 500_000)
    use("bob", "free", 100)

    by, question = Asked(by="model").read(NOW, UTC)
    told = UsageDesk(UsageStore(database), desk.shares, "EUR").report(by, question, UTC)

    rows = {e.model: (e.gpu_hours, e.cost, e.cost_per_million_tokens) for e in told.data}
    assert rows == {"m": (4.0, 10.0, 20.0), "idle": (1.0, 2.5, None), "free": (0.0, 0.0, 0.0)}
    assert told.currency == "EUR"
    assert (told.total.gpu_hours, told.total.cost) == (5.0, 12.5)


def test_without_a_price_there_is_no_cost(database, fleet):
    fleet("a", gpus=1, allocated_at=ago(4), released_at=NOW)
    desk = UsageDesk(UsageStore(database), GpuDesk(GpuStore(database), lambda: NOW).shares)
    by, question = Asked(by="model").read(NOW, UTC)

    (heading, *_) = as_table(desk.report(by, question, UTC))

    assert "GPU-HOURS" in heading
    assert "COST" not in heading
