"""GPU-hours by Slurm's own word: what the gateway keeps is what scontrol tells."""

import json
from datetime import UTC, datetime, timedelta

from tests.embedded.accounts import database_of
from tests.gateway_process import Gateway
from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.serving import MODEL, only_job, simulated, wait_until_served
from tests.waiting import wait_until
from web.fleet.states import Instance
from web.fleet.store import InstanceStore

SECOND = timedelta(seconds=1)


def told_by_slurm(slurm: SlurmKit, job_id: str) -> tuple[datetime, datetime]:
    """(StartTime, EndTime) of the job, by scontrol, which prints this machine's local time."""
    shown = slurm.daemons.run("scontrol", "show", "job", job_id).stdout.split()
    fields = dict(word.split("=", 1) for word in shown if "=" in word)
    start, end = (datetime.fromisoformat(fields[name]) for name in ("StartTime", "EndTime"))
    return start.astimezone(UTC), end.astimezone(UTC)


def kept(gateway: Gateway, instance_id: str) -> Instance:
    with database_of(gateway) as database:
        found = InstanceStore(database).find(instance_id)
    assert found is not None
    return found


def test_an_allocation_is_slurms_own_over_a_requeue_and_to_the_end(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    gateway = new_gateway([simulated(slurm, gpus=2)], {"GPU_HOUR_PRICE": "2"})
    gateway.start()
    wait_until_served(gateway)
    job = only_job(slurm)
    id_ = job["name"].removeprefix("kscope-")
    first, _ = told_by_slurm(slurm, job["id"])
    wait_until(lambda: kept(gateway, id_).allocated_at, what="the gateway knows the start")
    assert abs(kept(gateway, id_).allocated_at - first) <= SECOND

    slurm.daemons.run("scontrol", "requeue", job["id"])
    requeued = datetime.now(UTC)
    wait_until(lambda: kept(gateway, id_).gpu_seconds_before > 0, 30, "the first run is added up")
    ran_s = kept(gateway, id_).gpu_seconds_before / 2
    assert abs(ran_s - (requeued - first).total_seconds()) <= 2

    def runs_again() -> bool:
        slurm.release(job["id"])
        return kept(gateway, id_).allocated_at is not None

    wait_until(runs_again, 40, "the second run is known")
    second, _ = told_by_slurm(slurm, job["id"])
    assert second > first
    assert abs(kept(gateway, id_).allocated_at - second) <= SECOND

    slurm.scancel(job["id"])
    wait_until(lambda: kept(gateway, id_).state.is_over, 30, "the gateway knows it is over")
    wait_until(lambda: slurm.job(job["id"])["state"] == "CANCELLED", what="Slurm has ended it")
    _, end = told_by_slurm(slurm, job["id"])
    wait_until(
        lambda: abs(kept(gateway, id_).released_at - end) <= SECOND, what="Slurm's end is kept"
    )

    (told,) = json.loads(gateway.cli("usage", "--by", "model", "--json"))["data"]
    over = kept(gateway, id_)
    seconds = over.gpu_seconds_before + 2 * (over.released_at - over.allocated_at).total_seconds()
    assert told["model"] == MODEL
    assert abs(told["gpu_hours"] * 3600 - seconds) < 0.01
    assert abs(told["cost"] - told["gpu_hours"] * 2) < 1e-9
