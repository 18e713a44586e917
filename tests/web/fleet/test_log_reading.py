"""The fleet process reads the logs that were asked for, and only while it leads."""

import threading

import pytest

from slurm.errors import LogUnavailable
from tests.waiting import wait_until
from tests.web.fleet.worlds import ID, NOW, later
from web.database import Database
from web.fleet.log_reading import LogReader
from web.fleet.log_store import LogStore


class Prints:
    """A cluster of which only the logs are there."""

    def __init__(self) -> None:
        self.logs: dict[str, str] = {}
        self.asked: list[str] = []

    def read_log(self, instance_id: str, max_bytes: int = 0) -> str:
        self.asked.append(instance_id)
        if instance_id not in self.logs:
            raise LogUnavailable(f"no log of {instance_id}")
        return self.logs[instance_id][-max_bytes:]


@pytest.fixture
def logs(tmp_path):
    database = Database(f"sqlite:///{tmp_path}/kscope.db")
    database.migrate()
    yield LogStore(database)
    database.close()


@pytest.fixture
def cluster() -> Prints:
    return Prints()


AFTER = later(1)


def reader(logs, cluster, leads=lambda: True, now=AFTER) -> LogReader:
    return LogReader(logs, cluster, lambda: now, leads)


def test_a_log_that_was_asked_for_is_read_once(logs, cluster):
    cluster.logs[ID] = "loading weights\n"
    logs.ask(ID, NOW)
    one = reader(logs, cluster)

    one.look()
    one.look()

    assert logs.find(ID).text == "loading weights\n"
    assert cluster.asked == [ID]


def test_whatever_a_log_holds_is_harmless_to_databases_and_terminals(logs, cluster):
    cluster.logs[ID] = "\x1b[31mred\x1b[0m\x00 and\rover\n"
    logs.ask(ID, NOW)

    reader(logs, cluster).look()

    assert logs.find(ID).text == "red and\nover\n"


def test_why_a_log_cannot_be_read_is_told_and_the_others_are_read(logs, cluster):
    cluster.logs["other"] = "hello"
    logs.ask(ID, NOW)
    logs.ask("other", later(0.5))

    reader(logs, cluster).look()

    assert logs.find(ID).problem == f"no log of {ID}"
    assert logs.find("other").text == "hello"


def test_who_does_not_lead_reads_nothing(logs, cluster):
    logs.ask(ID, NOW)

    reader(logs, cluster, leads=lambda: False).look()

    assert cluster.asked == []
    assert logs.find(ID).is_awaited


def test_who_comes_to_lead_reads_what_was_asked_for_before(logs, cluster):
    leads: list[bool] = []
    one = reader(logs, cluster, leads=lambda: bool(leads))
    logs.ask(ID, NOW)
    one.look()
    leads.append(True)
    one.look()

    assert cluster.asked == [ID]


def test_old_logs_are_forgotten(logs, cluster):
    cluster.logs[ID] = "text"
    logs.ask(ID, NOW)
    reader(logs, cluster).look()

    reader(logs, cluster, now=later(301)).look()

    assert logs.find(ID) is None


def test_a_fault_of_one_round_does_not_end_the_rounds(logs, cluster, monkeypatch, caplog):
    monkeypatch.setattr("web.fleet.log_reading.INTERVAL_S", 0.01)
    one, stop, looked = reader(logs, cluster), threading.Event(), []

    def look() -> None:
        looked.append(1)
        raise RuntimeError("once")

    monkeypatch.setattr(one, "look", look)
    thread = threading.Thread(target=one.run, args=(stop,))
    thread.start()
    wait_until(lambda: len(looked) > 1, 10)
    stop.set()
    thread.join(10)

    assert not thread.is_alive()
    assert "no log is read this time" in caplog.text
