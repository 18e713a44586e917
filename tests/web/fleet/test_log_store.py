"""Logs that administrators asked for, on both kinds of database."""

import pytest

from tests.web.fleet.worlds import ID, NOW, later
from web.fleet.log_store import KEPT_FOR, MOST_CHARACTERS, TOPIC, LogStore, LogTail
from web.lock.store import FleetLock, LostLock


@pytest.fixture
def logs(database) -> LogStore:
    return LogStore(database)


def test_what_was_asked_is_awaited_until_it_is_answered(logs):
    logs.ask(ID, NOW)
    asked = logs.find(ID)
    logs.answer(ID, "hello\n", "", later(1))

    assert asked == LogTail(ID, NOW, None, "", "")
    assert asked.is_awaited
    assert logs.find(ID) == LogTail(ID, NOW, later(1), "hello\n", "")
    assert logs.awaited() == ()


def test_what_is_asked_again_is_read_again_and_the_old_text_stands_meanwhile(logs):
    logs.ask(ID, NOW)
    logs.answer(ID, "old", "", later(1))
    logs.ask("other", later(2))
    logs.ask(ID, later(3))

    assert logs.awaited() == ("other", ID)
    assert logs.find(ID).text == "old"


def test_a_problem_leaves_what_was_read_before(logs):
    logs.ask(ID, NOW)
    logs.answer(ID, "old", "", later(1))
    logs.ask(ID, later(2))
    logs.answer(ID, "", "no route to host", later(3))

    found = logs.find(ID)
    assert (found.text, found.problem, found.is_awaited) == ("old", "no route to host", False)


def test_asking_raises_the_version_and_answering_does_not(database, logs):
    logs.ask(ID, NOW)
    asked = logs.version()
    logs.answer(ID, "text", "", later(1))
    again = logs.version()
    logs.ask(ID, later(2))

    assert (again - asked, logs.version() - asked) == (0, 1)
    assert database.versions()[TOPIC] == logs.version()


def test_only_the_end_of_a_long_text_is_kept(logs):
    logs.ask(ID, NOW)
    logs.answer(ID, "a" * MOST_CHARACTERS + "end", "", later(1))

    text = logs.find(ID).text
    assert (len(text), text[-3:]) == (MOST_CHARACTERS, "end")


def test_what_nobody_asked_for_lately_is_gone(logs):
    logs.ask(ID, NOW)
    logs.ask("younger", later(1))

    assert logs.forget(NOW + KEPT_FOR) == 0
    assert logs.forget(later(0.5) + KEPT_FOR) == 1
    assert logs.find(ID) is None
    assert logs.find("younger") is not None


def test_an_answer_to_what_is_forgotten_already_is_lost_quietly(logs):
    logs.answer(ID, "text", "", NOW)

    assert logs.find(ID) is None


def test_who_lost_the_lock_answers_and_forgets_nothing(database, logs):
    lock = FleetLock(database, "host:1", life_s=5)
    assert lock.acquire(NOW)
    leader = LogStore(database, lock.check)
    logs.ask(ID, NOW)
    leader.answer(ID, "text", "", later(1))
    assert FleetLock(database, "host:2", life_s=5).acquire(later(60))

    with pytest.raises(LostLock):
        leader.answer(ID, "late", "", later(61))
    with pytest.raises(LostLock):
        leader.forget(later(1) + KEPT_FOR)
    assert logs.find(ID).text == "text"
