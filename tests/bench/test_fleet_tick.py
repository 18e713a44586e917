"""The bench of a tick measures what it says: every instance is read from one squeue."""

from bench import fleet_tick
from bench.fleet_tick import Fleet, tick_figures


def test_each_tick_asks_squeue_once_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet_tick, "INSTANCES", 40)

    figures = tick_figures(tmp_path)

    assert (figures["instances"], figures["squeue_per_tick"]) == (40, 1)
    assert figures["other_commands"] == 0
    assert figures["steady_s"] > 0


def test_the_first_tick_learns_every_node_from_the_listing(tmp_path, monkeypatch):
    monkeypatch.setattr(fleet_tick, "INSTANCES", 40)
    fleet = Fleet(tmp_path)
    try:
        fleet.tick()
        instances = fleet.store.live()
    finally:
        fleet.close()

    assert len(instances) == 40
    assert all(i.is_routable and i.walltime_end is not None for i in instances)
