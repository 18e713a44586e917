"""What /ready says of the fleet and the cluster, and when it says no."""

import pytest

from tests.web.fleet.worlds import NOW, ago, later
from web.catalog.file import CatalogFile
from web.config import Settings
from web.fleet.store import FleetStore
from web.health import Readiness
from web.lock.store import FleetLock

INTERVAL_S = 10.0


class World:
    def __init__(self, database, folder):
        (folder / "models.yaml").write_text("models: []")
        settings = Settings.from_env(
            {"DATA_DIR": str(folder), "MODELS_FILE": str(folder / "models.yaml")}
        )
        self.now = NOW
        self.lock = FleetLock(database, "host:1", life_s=5)
        self.lock.acquire(NOW)
        self.store = FleetStore(database, self.lock)
        catalog = CatalogFile.for_settings(settings)
        catalog.current()
        self.readiness = Readiness(database, self.store, catalog, lambda: self.now, INTERVAL_S)

    def part(self, name, after_s=0.0):
        self.now = later(after_s)
        return self.readiness.parts()[name]


@pytest.fixture
def world(database, tmp_path):
    return World(database, tmp_path)


def test_a_fresh_look_is_ready_and_tells_its_age(world):
    world.store.record_look("slurm", NOW, 120.0, None)
    part = world.part("cluster", after_s=4)
    assert part.ok
    assert part.message == "last look 4 s ago, 120 ms"


def test_a_failed_look_tells_why_since_when_and_when_the_next_one_is_due(world):
    world.store.record_look("slurm", ago(100), 120.0, None)
    world.store.record_look("slurm", NOW, 9000.0, "Unable to contact slurm controller")
    part = world.part("cluster", after_s=20)
    assert not part.ok
    assert part.message == (
        "Unable to contact slurm controller"
        " (no look has succeeded for 120 s; the next one is due within 46 s)"
    )


def test_a_cluster_that_never_answered_is_told_without_a_since(world):
    world.store.record_look("slurm", NOW, 9000.0, "connection refused")
    assert world.part("cluster").message == (
        "connection refused (the next look is due within 66 s)"
    )


def test_a_look_that_is_overdue_is_not_ready(world):
    world.store.record_look("slurm", NOW, 120.0, None)
    assert world.part("cluster", after_s=90).ok
    assert not world.part("cluster", after_s=100).ok


def test_a_slow_cluster_that_is_looked_at_seldom_stays_ready(world):
    world.store.record_look("slurm", NOW, 20_000.0, None)
    assert world.part("cluster", after_s=200).ok


def test_without_a_holder_of_the_lock_the_fleet_is_not_ready(world):
    assert world.part("fleet").message == "host:1 holds the lock"
    assert not world.part("fleet", after_s=6).ok
