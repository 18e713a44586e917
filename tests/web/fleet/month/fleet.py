"""The fleet process: the real Reconciler on stores in memory, killed and started again."""

from datetime import datetime
from hashlib import sha256
from random import Random
from types import SimpleNamespace

from slurm.script import LaunchSpec
from tests.web.fleet.month.gateway import Gateway
from tests.web.fleet.month.memory import MemoryStore
from tests.web.fleet.month.slurm import SmallSlurm
from web.catalog import Catalog
from web.catalog.deployment import Deployment
from web.fleet.evidence import Probe
from web.fleet.probing import worth_probing
from web.fleet.reconciler import Reconciler


class Killed(BaseException):
    """kill -9: nothing between here and the tick's caller may handle it."""


def _digest(purpose: str, value: str, version: int | None = None) -> str:
    return sha256(f"{purpose} {value}".encode()).hexdigest()


class Writer:
    """What SpecWriter does, without settings and secrets."""

    secrets = SimpleNamespace(current=1, versions=(1,), digest=_digest)
    settings = SimpleNamespace(min_update_interval_s=10.0)

    def spec(self, deployment: Deployment, instance_id: str, version: int = 1) -> LaunchSpec:
        return LaunchSpec(
            instance_id,
            deployment.name,
            deployment.path,
            "http://gateway/worker_callback",
            "token",
            "key",
            heartbeat_interval_s=10.0,
            gpus=deployment.gpus,
            time_limit=deployment.time_limit,
            drain_timeout_s=deployment.drain_timeout_s,
        )


class MortalCluster:
    """The small Slurm, with a process before it that can die on either side of sbatch."""

    name = SmallSlurm.name

    def __init__(self, slurm: SmallSlurm, hook) -> None:
        self._slurm, self._hook = slurm, hook
        self.list_jobs, self.read_log = slurm.list_jobs, slurm.read_log
        self.lookup = slurm.lookup
        self.close = slurm.close

    def submit(self, spec: LaunchSpec) -> str:
        self._hook("before sbatch")
        job_id = self._slurm.submit(spec)
        self._hook("after sbatch")
        return job_id

    def cancel(self, job_id: str) -> None:
        self._hook("before scancel")
        self._slurm.cancel(job_id)
        self._hook("after scancel")


class Probes:
    """What Prober finds out, at the moment of the look."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._failing_since: dict[str, datetime] = {}

    def __call__(self) -> dict[str, Probe]:
        now, gateway = self._gateway.timeline.clock(), self._gateway
        answers = {w.job.instance_id: w.answers for w in gateway.workers.values()}
        found: dict[str, Probe] = {}
        for instance in gateway.store.live():
            if worth_probing(instance, now, gateway.policy):
                ok = answers.get(instance.id, False)
                since = None if ok else self._failing_since.get(instance.id, now)
                found[instance.id] = Probe(now, ok, since)
        self._failing_since = {
            id_: probe.failing_since
            for id_, probe in found.items()
            if probe.failing_since is not None
        }
        return found


class Fleet:
    """`tick` is the fleet process' only deed; `is_down` after it was killed."""

    def __init__(
        self, slurm: SmallSlurm, store: MemoryStore, gateway: Gateway, random: Random
    ) -> None:
        self._slurm, self._store, self._gateway, self._random = slurm, store, gateway, random
        self._timeline = slurm.timeline
        self.deaths = 0
        self.is_down = False
        self.policy = gateway.policy
        self._reconciler: Reconciler | None = None

    def hook(self, where: str) -> None:
        # Most deeds are written in ordinary ticks; a launch is where a death hurts.
        rarer = 0.05 if "deeds" in where else 1.0
        if self._random.random() < self._slurm.scenario.deadly * rarer:
            raise Killed(where)

    def catalog(self) -> Catalog:
        return self._gateway.catalog

    def tick(self, look: bool) -> None:
        if self.is_down or self._gateway.is_away:
            return
        if self._reconciler is None:
            self._reconciler = self._start()
        try:
            self._reconciler.tick(look=look)
        except Killed as where:
            self._gateway.watch.tell(f"the fleet dies {where}")
            self.die(self._random.uniform(0.5, 60.0))

    def die(self, for_s: float) -> None:
        self.deaths += 1
        self.is_down, self._reconciler = True, None
        self._timeline.after(for_s, self._rise)

    def _rise(self) -> None:
        self.is_down = False
        self._slurm.on_change()

    def _start(self) -> Reconciler:
        return Reconciler(
            MortalCluster(self._slurm, self.hook),
            self._store,
            self._gateway.demand,
            SimpleNamespace(current=self.catalog),
            Writer(),
            self._timeline.clock,
            self.policy,
            Probes(self._gateway),
        )
