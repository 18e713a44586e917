"""`kscope models drain | stop | retry`: orders given, waited for, and told."""

import io
import json
import sys

import pytest

from tests.web.commands.conftest import Stopwatch
from tests.web.fleet.worlds import ID
from web.clock import utc_now
from web.commands.models import orders as ordering
from web.fleet.orders import OrderKind
from web.fleet.states import EndReason, InstanceState, Load

S = InstanceState


@pytest.fixture
def ready(fleet):
    return fleet.add(S.READY, node="n1", load=Load(running=2, waiting=1))


def carry_out(fleet, outcome="one instance is being drained"):
    """What the fleet process does with the open orders."""

    def step():
        for order in fleet.orders.open():
            fleet.store.fulfil(order.id, outcome, utc_now())

    return step


@pytest.mark.parametrize("verb", ["drain", "stop"])
@pytest.mark.parametrize("word", ["m", "em", ID])
def test_an_order_is_given_waited_for_and_its_outcome_told(fleet, ready, verb, word):
    fleet.steps = [lambda: None, carry_out(fleet, "carried out")]

    result = fleet.run("models", verb, word, SUDO_USER="ada")

    assert result.exit_code == 0
    assert result.stdout == f"{ID if word == ID else 'm'}: carried out\n"
    record = fleet.orders.find(1)
    assert (record.order.kind, record.order.model) == (OrderKind(verb), "m")
    assert record.order.instance_id == (ID if word == ID else None)
    assert record.given_by == "cli:ada"


def test_a_retry_is_given_for_a_model(fleet):
    fleet.steps = [carry_out(fleet, "its failed launches are forgotten")]

    assert fleet.run("models", "retry", "m").stdout == "m: its failed launches are forgotten\n"
    assert fleet.orders.retried().keys() == {"m"}


def test_without_waiting_the_order_is_given_and_stays(fleet, ready):
    result = fleet.run("models", "drain", "m", "--no-wait")

    assert result.exit_code == 0
    assert result.stderr == "order 1 (drain m) is given\n"
    assert len(fleet.orders.open()) == 1


def test_without_a_fleet_process_the_order_stays_and_that_is_said(fleet, ready, monkeypatch):
    fleet.lock.release(utc_now())
    monkeypatch.setattr(ordering, "time", Stopwatch(4))
    fleet.steps = [lambda: None] * 2

    result = fleet.run("models", "drain", "m")

    assert result.exit_code == 124
    assert "no fleet process holds the lock just now" in result.stderr
    assert "carried out as soon as one does" in result.stderr
    assert len(fleet.orders.open()) == 1


def test_a_fleet_process_that_returns_in_time_is_waited_for(fleet, ready):
    fleet.lock.release(utc_now())
    fleet.steps = [lambda: fleet.lock.acquire(utc_now()), carry_out(fleet)]

    assert fleet.run("models", "drain", "m").exit_code == 0


def test_an_order_not_carried_out_in_time_ends_with_124_and_stays(fleet, ready):
    result = fleet.run("models", "drain", "m", "--timeout", "0")

    assert result.exit_code == 124
    assert "was not carried out within 0 s" in result.stderr


def test_ctrl_c_ends_the_wait_and_the_order_stays(fleet, ready):
    def interrupt():
        raise KeyboardInterrupt

    fleet.steps = [interrupt]
    result = fleet.run("models", "drain", "m")

    assert result.exit_code == 130
    assert result.stderr == "order 1 stays\n"


def test_an_order_in_json_tells_who_when_and_what_came_of_it(fleet, ready):
    fleet.steps = [carry_out(fleet)]
    done = json.loads(fleet.run("models", "drain", ID, "--json").stdout)
    open_ = json.loads(fleet.run("models", "drain", "m", "--json", "--no-wait").stdout)

    assert (done["order"], done["kind"], done["instance_id"]) == (1, "drain", ID)
    assert done["outcome"] == "one instance is being drained"
    assert done["given_by"]
    assert done["given_at"] <= done["done_at"]
    assert (open_["order"], open_["done_at"], open_["outcome"]) == (2, None, None)


class Terminal(io.StringIO):
    """Standard input as somebody types it."""

    def isatty(self):
        return True


class FakeSys:
    """`sys` with a standard input of ours: the runner of click replaces the real one."""

    exit = sys.exit

    def __init__(self, stdin):
        self.stdin = stdin


@pytest.mark.parametrize(("answer", "orders"), [("y\n", 1), ("n\n", 0), ("", 0)])
def test_stop_asks_on_a_terminal(fleet, ready, answer, orders, monkeypatch):
    monkeypatch.setattr(ordering, "sys", FakeSys(Terminal()))

    result = fleet.run("models", "stop", ID, "--no-wait", stdin=answer)

    assert f"Stop instance {ID} of m now, cutting off 3 requests?" in result.stderr
    assert len(fleet.orders.open()) == orders
    assert (result.exit_code == 0) == (orders == 1)


def test_stop_asks_about_what_it_ends_and_nothing_else(fleet, ready, monkeypatch):
    fleet.add(S.READY, id="another000", load=Load(running=5))
    monkeypatch.setattr(ordering, "sys", FakeSys(Terminal()))

    one = fleet.run("models", "stop", ID, "--no-wait")
    all_ = fleet.run("models", "stop", "m", "--no-wait")

    assert f"Stop instance {ID} of m now, cutting off 3 requests?" in one.stderr
    assert "Stop 2 instances of m now, cutting off 8 requests?" in all_.stderr


def test_stop_does_not_ask_when_there_is_nothing_to_stop(fleet, monkeypatch):
    monkeypatch.setattr(ordering, "sys", FakeSys(Terminal()))

    assert "Stop" not in fleet.run("models", "stop", "m", "--no-wait").output
    assert len(fleet.orders.open()) == 1


def test_stop_does_not_ask_when_told_not_to(fleet, ready, monkeypatch):
    monkeypatch.setattr(ordering, "sys", FakeSys(Terminal()))

    result = fleet.run("models", "stop", "m", "--yes", "--no-wait")

    assert "now" not in result.stdout
    assert len(fleet.orders.open()) == 1


@pytest.mark.parametrize("verb", ["drain", "stop", "retry"])
def test_an_unknown_name_is_refused_with_near_ones(fleet, ready, verb):
    result = fleet.run("models", verb, "othr")

    assert result.exit_code == 2
    assert "did you mean other?" in result.stderr
    assert fleet.orders.open() == ()


def test_an_instance_id_is_found_by_a_near_one(fleet, ready):
    assert f"did you mean {ID}?" in fleet.run("models", "drain", ID[:-1] + "x").stderr


def test_an_instance_that_is_over_cannot_be_ended(fleet):
    fleet.add(S.FAILED, end_reason=EndReason.NODE_FAIL)

    result = fleet.run("models", "drain", ID)

    assert result.exit_code == 1
    assert f"instance {ID} of m is over: failed, node fail" in result.stderr
    assert fleet.orders.open() == ()


def test_a_retry_of_an_instance_is_refused(fleet, ready):
    result = fleet.run("models", "retry", ID)
    assert result.exit_code == 2
    assert "is an instance of m; name the model" in result.stderr


def test_what_left_the_catalog_can_still_be_ended(fleet):
    fleet.add(S.READY, model="gone")
    assert fleet.run("models", "drain", "gone", "--no-wait").exit_code == 0
    assert fleet.orders.open()[0].model == "gone"


def test_a_wrong_catalog_keeps_nobody_from_stopping_what_runs(fleet, ready):
    fleet.catalog.write_text("models: 7")

    result = fleet.run("models", "stop", "m", "--no-wait")

    assert result.exit_code == 0
    assert "the catalog cannot be read" in result.stderr
    assert fleet.orders.open()[0].model == "m"
