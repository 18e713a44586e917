"""Who is probed, when, how often; and what is remembered of it."""

import threading
from datetime import timedelta

import pytest

from tests.waiting import wait_until
from tests.web.fleet.worlds import ID, NOW, POLICY, ago, instance
from web.database import StorageError
from web.fleet.evidence import Probe
from web.fleet.launch import engine_key
from web.fleet.probing import MAX_AT_ONCE, Prober, worth_probing
from web.fleet.states import InstanceState, Load
from web.secrets import Secrets

S = InstanceState
SILENT = {"heartbeat_at": ago(POLICY.silent_after_s + 1)}
PLACE = {"node": "gpu1", "port": 20001}
STILL = ago(POLICY.stuck_after_s * 2 / 3 + 1)


def ready(state=S.READY, **changes):
    heard = {"heartbeat_at": ago(1), "progress_at": ago(1)}
    return instance(state, **{**PLACE, **heard, **changes})


def test_an_instance_that_reports_and_makes_tokens_is_left_alone():
    assert not worth_probing(ready(load=Load(5, 2, 0.1, 700)), NOW, POLICY)


def test_a_silent_worker_is_reason_to_ask():
    assert worth_probing(ready(**SILENT), NOW, POLICY)


@pytest.mark.parametrize("load", [Load(3, 0, 0.1, 700), Load()])
def test_an_engine_without_progress_is_asked_even_if_it_was_idle_when_it_last_told(load):
    assert worth_probing(ready(load=load, progress_at=STILL), NOW, POLICY)


def test_an_engine_that_never_told_its_tokens_is_not_taken_to_stand_still():
    assert not worth_probing(ready(load=Load(3), progress_at=None), NOW, POLICY)


def test_a_suspected_instance_is_always_asked():
    assert worth_probing(ready(state=S.UNREADY), NOW, POLICY)


@pytest.mark.parametrize("state", [s for s in S if s not in (S.READY, S.UNREADY)])
def test_only_what_has_served_is_asked(state):
    assert not worth_probing(ready(**SILENT, state=state), NOW, POLICY)


@pytest.mark.parametrize("place", [{"node": None}, {"port": None}])
def test_whoever_has_no_address_is_not_asked(place):
    assert not worth_probing(ready(**SILENT, **place), NOW, POLICY)


class World:
    """A prober over a list of instances; its engines answer when `gate` is open."""

    def __init__(self, folder):
        self.now, self.leads, self.answer = NOW, True, True
        self.instances = [ready(**SILENT)]
        self.asked = []
        self.gate = threading.Event()
        self.gate.set()
        self.secrets = Secrets(folder)
        self.prober = Prober(
            self, self.secrets, lambda: self.now, POLICY, lambda: self.leads, self.probe
        )

    def live(self):
        if isinstance(self.instances, Exception):
            raise self.instances
        return tuple(self.instances)

    def probe(self, target, model):
        self.asked.append((target, model))
        assert self.gate.wait(10)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def look(self, seconds=0.0):
        self.now += timedelta(seconds=seconds)
        self.prober.look()

    def settle(self):
        """Wait for all probes that run to be done."""
        self.gate.set()
        wait_until(lambda: not self.prober._in_flight, 10, "the probes are done")

    def result(self):
        self.settle()
        return self.prober.results().get(ID)


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.settle()


def test_it_is_asked_at_its_address_with_the_key_of_its_own_engine(world):
    world.look()
    assert world.result() == Probe(NOW, ok=True)
    ((target, model),) = world.asked
    assert (target.netloc, model) == ("gpu1:20001", "m")
    assert target.engine_key == engine_key(world.secrets, ID)


def test_it_is_asked_every_five_seconds_at_most(world):
    for seconds in (0, 1, 3, 1, 1, 4):
        world.look(seconds)
        world.settle()
    # At 0, 5 and 10 s.
    assert len(world.asked) == 3


def test_it_is_never_asked_twice_at_once(world):
    world.gate.clear()
    world.look()
    world.look(60)
    assert len(world.asked) == 1
    world.settle()
    world.look(1)
    world.settle()
    assert len(world.asked) == 2


def test_a_look_waits_for_no_probe_and_few_run_at_once(world):
    world.gate.clear()
    world.instances = [ready(**SILENT, id=f"number{n:04}") for n in range(3 * MAX_AT_ONCE)]
    world.look()
    world.look(1)
    wait_until(lambda: len(world.asked) == MAX_AT_ONCE, what="the first are asked")
    for _ in range(3):
        world.settle()
        world.look(1)
    world.settle()
    # All of them, before any is asked again.
    assert len({target.instance_id for target, _ in world.asked}) == len(world.asked)
    assert len(world.asked) == 3 * MAX_AT_ONCE


def test_failures_are_counted_from_the_first_of_them_on(world):
    world.answer = False
    world.look()
    assert world.result() == Probe(NOW, ok=False, failing_since=NOW)
    world.look(10)
    assert world.result() == Probe(world.now, ok=False, failing_since=NOW)
    world.answer = True
    world.look(10)
    assert world.result() == Probe(world.now, ok=True)
    world.answer = False
    world.look(10)
    assert world.result() == Probe(world.now, ok=False, failing_since=world.now)


@pytest.mark.parametrize("gone", [[], [ready()], [ready(state=S.STOPPING)]])
def test_what_is_doubted_no_more_is_forgotten(world, gone):
    world.answer = False
    world.look()
    assert world.result()
    doubted, world.instances = world.instances, gone
    world.look(1)
    assert world.result() is None
    # Doubted anew, it is asked anew: the old answer must not speak against it.
    world.instances, world.answer = doubted, True
    world.look(1)
    assert world.result() == Probe(world.now, ok=True)


def test_an_answer_from_where_it_was_before_says_nothing_of_where_it_is_now(world):
    world.gate.clear()
    world.answer = False
    world.look()
    wait_until(lambda: world.asked, what="it is asked")
    world.instances = [ready(**SILENT, node="gpu2")]
    world.look(1)
    assert world.result() is None


def test_only_the_leader_asks_and_whoever_leads_no_more_forgets(world):
    world.look()
    assert world.result()
    world.leads = False
    world.look(10)
    assert world.result() is None
    assert len(world.asked) == 1


def test_our_own_fault_says_nothing_of_the_engine(world):
    world.answer = RuntimeError("no thread, no memory, no sense")
    world.look()
    assert world.result() is None
    world.answer = True
    world.look(5)
    assert world.result() == Probe(world.now, ok=True)


def test_without_the_database_what_is_known_stays_known(world):
    world.look()
    assert world.result()
    world.instances = StorageError("away")
    world.prober.look()
    assert world.result() == Probe(NOW, ok=True)


def test_an_instance_whose_pepper_is_gone_is_passed_over(world):
    world.instances = [ready(**SILENT, id="gone", secret_version=9), *world.instances]
    world.look()
    assert world.result() == Probe(NOW, ok=True)
