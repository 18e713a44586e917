"""Arbitrary views for the planner: any instance in any state and age, any listing, any evidence."""

from dataclasses import replace
from datetime import time

from hypothesis import strategies as st

from slurm.jobs import Job, JobState
from slurm.script import JOB_NAME_PREFIX
from tests.web.fleet.worlds import NOW, ago, deployment, later
from web.catalog.warm import WarmWindow
from web.fleet.evidence import Probe, Sample
from web.fleet.observation import Listing
from web.fleet.orders import Order, OrderKind
from web.fleet.planner import View
from web.fleet.states import EndReason, Instance, InstanceState, Load

S = InstanceState
LIVE = [state for state in S if not state.is_over]
MODELS = ("m", "n", "gone")  # the last is not in the catalog
SERVED = (S.READY, S.UNREADY, S.DRAINING)
RAN = (S.STARTING, *SERVED, S.STOPPING)
WARM = WarmWindow(2, tuple(range(7)), time(8), time(18), "UTC")

# Where something happens if anything does: around the policy's numbers, and far from them.
SECONDS = st.sampled_from([0, 1, 5, 20, 31, 36, 46, 61, 76, 121, 181, 310, 700, 2000, 9000, 90000])
moments = SECONDS.map(ago)
soon = SECONDS.map(later)
loads = st.builds(
    Load,
    running=st.sampled_from([0, 0, 1, 7, 40]),
    waiting=st.sampled_from([0, 0, 5]),
    tokens=st.sampled_from([None, 0, 900]),
)


@st.composite
def instances(draw, number, state=None):
    """An instance as it can be: what has not happened to it yet is None."""
    state = state or draw(st.sampled_from(LIVE))
    age = draw(SECONDS)
    since = draw(SECONDS.filter(lambda s: s <= age) if age else st.just(0))
    named = state is not S.SUBMITTING or draw(st.booleans())
    ran = state in RAN and (state is not S.STOPPING or draw(st.booleans()))
    served = state in SERVED or (ran and draw(st.booleans()))
    asked = state in (S.DRAINING, S.STOPPING) or state.is_over
    begun = draw(st.integers(since, age)) if ran else 0
    return Instance(
        f"i{number:09}",
        draw(st.sampled_from(MODELS)),
        "slurm",
        state,
        created_at=ago(age),
        state_since=ago(since),
        job_id=str(number) if named else None,
        end_reason=draw(st.sampled_from(list(EndReason))) if asked else None,
        terminal=draw(st.booleans()) if state is S.FAILED else False,
        fingerprint=draw(st.sampled_from(["", "1", "2"])),
        slurm_state=draw(st.sampled_from(["", "RUNNING", "SUSPENDED", "PENDING", "UNKNOWN"])),
        slurm_reason=draw(st.sampled_from(["", "Priority", "InvalidQOS", "PartitionTimeLimit"])),
        walltime_end=draw(st.none() | soon | moments) if ran else None,
        node=draw(st.none() | st.just("gpu1")) if ran else None,
        missing_listings=draw(st.integers(0, 2)),
        claimed_by=str(number) if ran and draw(st.booleans()) else None,
        port=8000 if served else None,
        load=draw(loads) if served else Load(),
        heartbeat_at=draw(st.none() | moments) if ran else None,
        active_at=draw(st.none() | moments) if served else None,
        progress_at=draw(st.none() | moments) if served else None,
        running_since=ago(begun) if ran else None,
        ready_at=ago(draw(st.integers(since, begun))) if served else None,
        ended_at=ago(since) if state.is_over else None,
    )


@st.composite
def jobs_of(draw, instance):
    """Its own job in any state, or none; a twin now and then."""
    states = st.sampled_from(list(JobState))
    name = JOB_NAME_PREFIX + instance.id
    found = []
    if draw(st.integers(0, 4)):
        own = instance.job_id or "77"
        found.append(Job(own, name, draw(states), "Priority", "gpu1", end_time=later(600)))
    if not draw(st.integers(0, 7)):
        found.append(Job("88", name, draw(states)))
    return found


deployments = st.builds(
    lambda least, most, **rest: deployment(
        min_instances=min(least, most), max_instances=most, **rest
    ),
    least=st.integers(0, 2),
    most=st.integers(0, 3),
    target_requests=st.sampled_from([1, 8, 32]),
    idle_timeout_s=st.sampled_from([None, 0.0, 300.0, 3600.0]),
    scale_up_after_s=st.sampled_from([0.0, 30.0]),
    scale_down_after_s=st.sampled_from([0.0, 300.0]),
    startup_timeout_s=st.sampled_from([60.0, 1800.0]),
    drain_timeout_s=st.sampled_from([0.0, 60.0, 300.0]),
    warm=st.sampled_from([(), (), (WARM,)]),
    fingerprint=st.sampled_from(["1", "2"]),
)


@st.composite
def views(draw, listing=None):
    """`listing`: True for one, False for none, None for either."""
    live = [draw(instances(n)) for n in range(draw(st.integers(0, 6)))]
    over = [
        draw(instances(100 + n, draw(st.sampled_from([S.FAILED, S.STOPPED]))))
        for n in range(draw(st.integers(0, 4)))
    ]
    over.sort(key=lambda i: i.ended_at, reverse=True)
    looked = draw(st.booleans()) if listing is None else listing
    named = over[:1] if looked and draw(st.booleans()) else []
    jobs = [job for i in (*live, *named) for job in draw(jobs_of(i))] if looked else []
    ready = [i for i in live if i.state is S.READY]
    doubted = [i for i in live if i.state in (S.READY, S.UNREADY) and draw(st.booleans())]
    return View(
        deployments={n: replace(draw(deployments), name=n) for n in MODELS[:2]},
        instances=(*live, *named),
        listing=Listing(NOW, tuple(jobs)) if looked else None,
        cluster_answers=looked or draw(st.booleans()),
        demand={model: draw(moments) for model in MODELS if draw(st.booleans())},
        history={model: tuple(i for i in over if i.model == model) for model in MODELS},
        telemetry={i.id: draw(histories()) for i in ready},
        probes={i.id: draw(probes()) for i in doubted},
        orders=tuple(draw(st.lists(orders(), max_size=2, unique_by=lambda o: o.id))),
        retried={"m": draw(moments)} if draw(st.booleans()) else {},
    )


@st.composite
def histories(draw):
    ages = sorted(draw(st.lists(st.integers(0, 400), max_size=8)), reverse=True)
    return tuple(Sample(ago(age), draw(st.sampled_from([0, 1, 9, 100]))) for age in ages)


@st.composite
def probes(draw):
    ok = draw(st.booleans())
    return Probe(draw(moments), ok, None if ok else draw(moments))


@st.composite
def orders(draw):
    kind, model = draw(st.sampled_from(list(OrderKind))), draw(st.sampled_from(MODELS))
    target = draw(st.sampled_from([None, f"i{0:09}", f"i{1:09}"]))
    return Order(draw(st.integers(1, 9)), kind, model, target, draw(moments))
