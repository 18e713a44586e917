"""Load comes and goes: instances follow it up and down, and no request notices."""

import time

from tests.integration.conftest import GatewayMaker
from tests.integration.kit import SlurmKit
from tests.integration.serving import ASK_EVERY_S, MODEL, simulated, wait_until_served
from tests.integration.timeline import Moment, Timeline, ended
from tests.traffic import Asking, Traffic
from tests.waiting import wait_until
from web.fleet.states import EndReason

LEAST, MOST, TARGET = 1, 3, 8
SCALED = {
    "min_instances": LEAST,
    "max_instances": MOST,
    "target_requests": TARGET,
    "scale_up_after": "2s",
    "scale_down_after": "5s",
}
LOAD = 64
# Longer than scale_up_after and several heartbeats: one client alone must start nothing.
CALM_S = 8.0


def test_load_from_1_to_64_to_0_is_followed_by_1_3_and_the_least_instances(
    slurm: SlurmKit, new_gateway: GatewayMaker
):
    gateway = new_gateway([simulated(slurm, **SCALED)])
    gateway.start()
    wait_until_served(gateway)

    with Traffic(gateway, MODEL, parallel=1, asking=Asking(max_retries=0)) as traffic:
        timeline = Timeline(slurm, gateway, MODEL, traffic)

        def look() -> Moment:
            time.sleep(ASK_EVERY_S)
            moment = timeline.look()
            assert moment.jobs <= MOST, slurm.live_jobs()
            assert moment.failed == 0, traffic.words()
            return moment

        try:
            wait_until(lambda: look().t > CALM_S, CALM_S + 5)
            assert timeline.most("jobs") == LEAST

            traffic.set_parallel(LOAD)
            wait_until(lambda: look().ready == MOST, 40, f"{MOST} ready")
            # All of them are used, streams that are yet to be drained among it.
            wait_until(lambda: look() and len(traffic.instances) == MOST, 10, "all serve")
            traffic.wait_for(LOAD)

            traffic.set_parallel(0)
            wait_until(lambda: look().jobs == LEAST, 40, "back to the least")
        finally:
            timeline.write("scaling")
        served = traffic.counts.served
        traffic.set_parallel(1)
        wait_until(lambda: traffic.counts.served > served, 10, "the one that stayed serves")

    assert not traffic.failures, traffic.words()
    history = ended(gateway, MODEL)
    assert len(history) == MOST - LEAST
    assert {i.end_reason for i in history} <= {EndReason.IDLE, EndReason.SCALED_DOWN}
