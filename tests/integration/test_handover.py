"""Walltime near: a successor is ready before the old instance goes, and no request notices."""

import time

import pytest

from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.serving import ASK_EVERY_S, MODEL, simulated, wait_until_served
from tests.integration.timeline import Timeline, ended, failed_launches
from tests.traffic import Asking, Traffic
from tests.waiting import wait_until
from web.fleet.states import EndReason

# Slurm counts time limits in minutes, and a limit of one leaves no time to hand over.
WALLTIME, WALLTIME_S = "00:02:00", 120
GENERATIONS = 3


@pytest.mark.timeout(1500 + 300)
def test_walltime_near_the_successor_is_ready_the_old_drains_and_nobody_fails(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    gateway = new_gateway([simulated(slurm, time_limit=WALLTIME, min_instances=1)])
    gateway.start()
    wait_until_served(gateway)

    with Traffic(gateway, MODEL, parallel=4, asking=Asking(max_retries=0)) as traffic:
        timeline = Timeline(slurm, gateway, MODEL, traffic)

        def handed_over() -> bool:
            time.sleep(ASK_EVERY_S)
            moment = timeline.look()
            assert moment.jobs <= 2, slurm.live_jobs()
            assert moment.failed == 0, traffic.words()
            return len(traffic.instances) > GENERATIONS and len(over()) == GENERATIONS

        def over() -> list[str]:
            return [i.id for i in ended(gateway, MODEL)]

        try:
            within_s = (GENERATIONS + 0.5) * WALLTIME_S
            wait_until(handed_over, within_s, f"{GENERATIONS} generations handed over")
        finally:
            timeline.write("handover")

    assert not traffic.failures, traffic.words()
    assert traffic.counts.streams > 10 * GENERATIONS
    history = ended(gateway, MODEL)
    assert {i.end_reason for i in history} <= {EndReason.REPLACED, EndReason.WALLTIME}
    assert failed_launches(history) == []
    # Each one left of itself, before Slurm had to end it.
    assert {slurm.job(str(i.job_id))["state"] for i in history} == {"COMPLETED"}
    # The walltime is used: no instance was replaced while it had most of it before it.
    lives = [(i.ended_at - i.running_since).total_seconds() for i in history]
    assert min(lives) > WALLTIME_S / 3, lives
