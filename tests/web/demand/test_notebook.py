"""Demand keeps the time of the asking, however late it is written down."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import OperationalError

from web.demand.notebook import DemandNotebook
from web.demand.store import Asked, DemandStore

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


class BrokenOnce(DemandStore):
    """A store whose database is away for the first writing."""

    broken = True

    def add(self, asked, *, cold):
        if self.broken:
            self.broken = False
            raise OperationalError("insert", {}, Exception("away"))
        super().add(asked, cold=cold)


def test_a_request_counts_from_when_it_was_made_not_from_when_it_was_written(database):
    store, clock = DemandStore(database), Clock()
    notebook = DemandNotebook(store, clock)

    notebook.note_cold("m")
    notebook.note_warm("n")
    clock.advance(0.9)
    notebook.flush()

    assert store.asked_at() == {"m": NOON, "n": NOON}


def test_the_latest_request_is_the_one_that_counts(database):
    store, clock = DemandStore(database), Clock()
    notebook = DemandNotebook(store, clock)

    notebook.note_cold("m")
    later = clock.advance(0.5)
    notebook.note_cold("m")
    notebook.flush()
    store.add({"m": Asked(1, NOON)}, cold=True)

    assert store.asked_at() == {"m": later}


def test_what_could_not_be_written_is_written_the_next_time(database):
    store, clock = BrokenOnce(database), Clock()
    notebook = DemandNotebook(store, clock)

    notebook.note_cold("m")
    notebook.flush()
    assert store.asked_at() == {}
    clock.advance(1)
    notebook.flush()

    assert store.asked_at() == {"m": NOON}


def test_a_warm_model_is_written_down_only_now_and_then(database):
    store, clock = DemandStore(database), Clock()
    notebook = DemandNotebook(store, clock)
    notebook.note_warm("m")
    notebook.flush()

    clock.advance(9)
    notebook.note_warm("m")
    notebook.flush()
    assert store.asked_at() == {"m": NOON}
    clock.advance(1)
    notebook.flush()

    assert store.asked_at() == {"m": NOON + timedelta(seconds=9)}
