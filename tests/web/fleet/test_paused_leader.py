"""Fault: a paused leader resumes. Its writes are refused, and what it still does comes to nothing.

A pause can fall between a write, which the lock's epoch guards, and the deed that follows, which
nothing can take back. What such a deed brings about is judged by the row it was written into.
"""

import json

import pytest

from slurm.jobs import JobState
from tests.fakes.scripted_cluster import ScriptedCluster
from tests.web.fleet.worlds import NOW, POLICY, later
from web.catalog.file import CatalogFile
from web.config import Settings
from web.demand.store import Asked, DemandStore
from web.fleet.callbacks import CallbackDesk, Refused
from web.fleet.launch import SpecWriter, worker_token
from web.fleet.reconciler import Reconciler
from web.fleet.states import EndReason, InstanceState
from web.fleet.store import FleetStore
from web.lock.store import FleetLock, LostLock
from web.secrets import Secrets

S = InstanceState
ALIVE = (JobState.PENDING, JobState.RUNNING)


class Process:
    """One fleet process of several; `pause` is called where it is to be paused."""

    def __init__(self, world, name, cluster):
        self.lock = FleetLock(world.database, name, life_s=5)
        self.store = FleetStore(world.database, self.lock)
        self.world = world
        self.reconciler = Reconciler(
            cluster,
            self.store,
            DemandStore(world.database),
            world.catalog,
            SpecWriter(world.settings, world.secrets),
            world.clock,
            POLICY,
        )

    def leads(self):
        return self.lock.acquire(self.world.clock())

    def tick(self, seconds=0.0):
        self.world.pass_time(seconds)
        assert self.leads()
        with self.lock.tenure():
            self.reconciler.tick(look=True)


class PausingCluster:
    """The same cluster as another fleet process sees it that is paused just before a deed."""

    def __init__(self, cluster):
        self._cluster = cluster
        self.name = cluster.name
        self.while_paused = {}

    def submit(self, spec):
        self._pause("submit")
        return self._cluster.submit(spec)

    def list_jobs(self):
        return self._cluster.list_jobs()

    def cancel(self, job_id):
        self._pause("cancel")
        self._cluster.cancel(job_id)

    def _pause(self, deed):
        self.while_paused.pop(deed, lambda: None)()


class World:
    """Two fleet processes, of which the first gets paused, on one database and one cluster."""

    def __init__(self, database, folder):
        (folder / "models.yaml").write_text("models: [{name: m, path: p}]")
        env = {"DATA_DIR": str(folder), "MODELS_FILE": str(folder / "models.yaml")}
        self.settings = Settings.from_env(env)
        self.secrets = Secrets(folder)
        self.catalog = CatalogFile.for_settings(self.settings)
        self.database = database
        self.now = NOW
        self.cluster = ScriptedCluster()
        self.pausing = PausingCluster(self.cluster)
        self.first = Process(self, "host:1", self.pausing)
        self.second = Process(self, "host:2", self.cluster)
        self.desk = CallbackDesk(self.second.store, self.secrets, self.clock, telemetry_limit=10)
        assert self.first.leads()

    def clock(self):
        return self.now

    def pass_time(self, seconds):
        self.now = later((self.now - NOW).total_seconds() + seconds)

    def ask(self):
        DemandStore(self.database).add({"m": Asked(1, self.now)}, cold=True)

    def claim(self, job_id):
        """What the worker of a job says first, and what it is answered."""
        instance_id = self.cluster.jobs[job_id].name.removeprefix("kscope-")
        report = {"instance_id": instance_id, "slurm_job_id": job_id, "sequence": 1}
        body = json.dumps({**report, "event": "claim"}).encode()
        return self.desk.take(worker_token(self.secrets, instance_id), body)

    def alive(self):
        return [job.job_id for job in self.cluster.jobs.values() if job.state in ALIVE]


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def test_paused_before_sbatch_until_its_intent_was_given_up_its_job_may_not_serve(world):
    def paused():
        for _ in range(20):
            world.ask()
            world.second.tick(10)

    world.pausing.while_paused["submit"] = paused
    world.ask()
    with pytest.raises(LostLock):
        world.first.tick()
    theirs, late = world.alive()
    assert world.claim(theirs) == "continue"
    with pytest.raises(Refused) as refused:
        world.claim(late)
    assert refused.value.status == 410
    world.second.tick(10)
    assert world.alive() == [theirs]
    (instance,) = world.second.store.live()
    assert instance.claimed_by == theirs


def test_paused_before_sbatch_for_a_moment_its_job_is_adopted_by_the_next_leader(world):
    def paused():
        for _ in range(3):
            world.ask()
            world.second.tick(10)

    world.pausing.while_paused["submit"] = paused
    world.ask()
    with pytest.raises(LostLock):
        world.first.tick()
    (job_id,) = world.alive()
    assert world.claim(job_id) == "continue"
    world.ask()
    world.second.tick(10)
    assert world.alive() == [job_id]
    (instance,) = world.second.store.live()
    assert (instance.job_id, instance.claimed_by) == (job_id, job_id)


def test_paused_before_scancel_it_ends_only_what_the_next_leader_would_end_too(world):
    world.ask()
    world.first.tick()
    assert len(world.alive()) == 1
    world.settings.models_file.write_text("models: []")
    world.pausing.while_paused["cancel"] = lambda: world.second.tick(10)
    world.first.tick(10)
    assert world.alive() == []
    world.second.tick(10)
    assert [i.state for i in world.second.store.history()["m"]] == [S.STOPPED]
    assert world.second.store.history()["m"][0].end_reason is EndReason.SCALED_DOWN


def test_paused_before_ending_a_twin_it_spares_the_one_that_has_claimed_meanwhile(world):
    world.ask()
    world.first.tick()
    twin = world.cluster.add(world.cluster.specs[0].job_name, JobState.RUNNING)
    carry_out = world.first.store.carry_out

    def then_paused(*deeds):
        overtaken = carry_out(*deeds)
        assert world.claim(twin) == "continue"
        world.pass_time(10)
        assert world.second.leads()
        return overtaken

    world.first.store.carry_out = then_paused
    with pytest.raises(LostLock):
        world.first.tick(10)
    assert twin in world.alive()
    world.second.tick(10)
    assert world.alive() == [twin]


def test_paused_between_two_launches_the_second_one_never_is(world):
    world.settings.models_file.write_text("models: [{name: m, path: p}, {name: n, path: p}]")
    for model in ("m", "n"):
        DemandStore(world.database).add({model: Asked(1, world.now)}, cold=True)

    def paused():
        world.pass_time(60)
        assert world.second.leads()

    world.pausing.while_paused["submit"] = paused
    with pytest.raises(LostLock):
        world.first.tick()
    assert len(world.cluster.specs) == 1
    assert len(world.second.store.live()) == 1


def test_what_a_paused_leader_wrote_down_but_did_not_do_is_mended_by_the_next(world):
    """It never wakes: killed in its pause."""

    class Killed(BaseException):
        pass

    def killed():
        raise Killed

    world.pausing.while_paused["submit"] = killed
    world.ask()
    with pytest.raises(Killed):
        world.first.tick()
    for _ in range(20):
        world.ask()
        world.second.tick(10)
    (job_id,) = world.alive()
    assert world.claim(job_id) == "continue"
