"""Small worlds for the deciders: a deployment, an instance, a job, each with what matters set."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from slurm.jobs import Job, JobState
from web.catalog.deployment import Deployment
from web.fleet.observation import Listing
from web.fleet.planner import View
from web.fleet.policy import Policy
from web.fleet.states import Instance, InstanceState

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
POLICY = Policy()
ID = "abcdefghij"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def deployment(name: str = "m", **changes: object) -> Deployment:
    base = Deployment(
        name=name,
        aliases=(),
        path="/models/m",
        partition=None,
        qos=None,
        account=None,
        nodes=1,
        gpus=0,
        cpus=None,
        memory=None,
        time_limit=None,
        idle_timeout_s=None,
        startup_timeout_s=1800.0,
        drain_timeout_s=300.0,
        min_instances=0,
        max_instances=1,
        target_requests=32,
        scale_up_after_s=30.0,
        scale_down_after_s=300.0,
        warm=(),
        max_requests=2048,
        affinity="none",
        engine_args={},
        env={},
        setup=(),
        command=("vllm", "serve"),
        groups=("all",),
    )
    return replace(base, **changes)


def instance(state: InstanceState, **changes: object) -> Instance:
    base = Instance(ID, "m", "slurm", state, created_at=ago(3600), state_since=ago(600))
    place = {"node": "gpu1", "port": 8000} if state is InstanceState.READY else {}
    return replace(base, **{"job_id": "7", **place, **changes})


def job(state: JobState, **changes: object) -> Job:
    return replace(Job("7", f"kscope-{ID}", state), **changes)


def view(*instances: Instance, jobs: tuple[Job, ...] | None = None, **changes: object) -> View:
    base = View(
        deployments={"m": deployment()},
        instances=instances,
        listing=Listing(NOW, jobs) if jobs is not None else None,
        cluster_answers=True,
    )
    return replace(base, **changes)
