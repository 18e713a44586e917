"""What must hold at every moment, whatever happens. A violation names the seed's own time."""

from collections import deque
from collections.abc import Callable, Iterable
from datetime import timedelta

from tests.web.fleet.month.slurm import SmallJob
from tests.web.fleet.month.timeline import DAY, HOUR, Timeline
from tests.web.fleet.month.worker import Worker
from web.catalog.deployment import Deployment
from web.fleet.states import NOT_OURS, EndReason, Instance, InstanceState

S = InstanceState
# A stray job may be seen by this many looks before it is told to end.
LOOKS_FOR_STRAYS = 2
# One without a row at all is looked at for a minute: it may just be being recorded.
LOOKS_OF_GRACE = 7
# A row whose job is gone may be found so by this many, once its submission cannot be on its way.
LOOKS_FOR_GHOSTS = 3
SUBMISSION_GRACE = timedelta(seconds=60)
# More instances than the most may be there at one look: of those that a plan already decides about,
# the next one knows what they have become (test_planner_properties.py gives it as many plans).
LOOKS_FOR_CROWDS = 1
# What a handover is there to spare every request that a drain has time for.
WALLTIME_CUTS = (
    "TIMEOUT",
    "the time limit is near, no more time",
    "the gateway asked, no more time",
)
# These ends can wait for requests.
SPARING = (EndReason.IDLE, EndReason.SCALED_DOWN, EndReason.REPLACED, EndReason.WALLTIME)
DRAIN_MARGIN_S, LATE_S = 60.0, 60.0
# An engine with requests and no token is found out within this.
HUNG_S = 150.0
# Asked for all the while, the cluster answers, and still nobody is launched.
NEGLECT_S = 900.0


class Violation(AssertionError):
    """Something happened that must never happen."""


class Watch:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._owners: dict[str, Worker] = {}
        self._strays: dict[str, int] = {}
        self._ghosts: dict[str, int] = {}
        self._crowded: dict[str, int] = {}
        self._neglected_since: dict[str, float] = {}
        # Since when the fleet process has been at work without a break.
        self.acting_since = 0.0
        self.story: deque[str] = deque(maxlen=60)

    def tell(self, words: str) -> None:
        """What happened, for whoever reads how a violation came about."""
        self.story.append(f"{self._clock()} {words}")

    def _clock(self) -> str:
        day, rest = divmod(self._timeline.now, DAY)
        return f"day {day:.0f} {rest // HOUR:02.0f}:{rest % HOUR // 60:02.0f}:{rest % 60:04.1f}"

    def fail(self, words: str) -> None:
        raise Violation(f"{self._clock()} (t={self._timeline.now:.1f}): {words}")

    def sent(self, instance: Instance | None, worker: Worker) -> None:
        """A request goes to this worker on behalf of this row."""
        if instance is None or instance.state is not S.READY:
            self.fail(f"a request was sent to {instance and instance.id}, which is not ready")
        elif instance.id != worker.job.instance_id:
            self.fail(f"a request for {instance.id} reached {worker.job.instance_id}")
        elif not worker.ready:
            self.fail(f"a request was sent to {instance.id}, whose engine is not proven")
        elif self._timeline.now - max(worker.stuck_from, self.acting_since) > HUNG_S:
            self.fail(f"a request was sent to {instance.id}, whose engine hangs since long")

    def owns(self, worker: Worker) -> None:
        """This worker was told to go on: nobody else may serve for its instance."""
        other = self._owners.get(worker.job.instance_id)
        if other is not None and other is not worker and not other.gone:
            self.fail(f"jobs {other.job.job_id} and {worker.job.job_id} both own one instance")
        self._owners[worker.job.instance_id] = worker

    def looked(
        self,
        jobs: Iterable[SmallJob],
        rows: dict[str, Instance],
        is_known: Callable[[str], object],
        unreadable: str | None,
    ) -> None:
        """After a tick with a listing: each live job has a live row, each live row a job.

        `unreadable`: the job whose state the listing told in words of a newer Slurm.
        """
        strays: dict[str, int] = {}
        allowed: dict[str, int] = {}
        named: set[str] = set()
        for job in jobs:
            if job.is_live and job.submitted_at <= self._timeline.now:
                named.add(job.instance_id)
                row = rows.get(job.instance_id)
                waits = job.started_at is None and job.job_id != unreadable
                if row is not None and row.is_routable and waits:
                    self.fail(f"{row.id} counts as ready while its job waits")
                mine = row is not None and (row.claimed_by or job.job_id) == job.job_id
                if not mine and job.ending is None:
                    strays[job.job_id] = self._strays.get(job.job_id, 0) + 1
                    grace = 0 if is_known(job.instance_id) else LOOKS_OF_GRACE
                    allowed[job.job_id] = LOOKS_FOR_STRAYS + grace
        self._strays = strays
        for job_id, looks in strays.items():
            if looks > allowed[job_id]:
                self.fail(f"job {job_id} belongs to no live instance and {looks} looks let it live")
        young = self._timeline.clock() - SUBMISSION_GRACE
        self._ghosts = {
            id_: self._ghosts.get(id_, 0) + 1
            for id_, row in rows.items()
            if id_ not in named and row.created_at < young
        }
        for id_, looks in self._ghosts.items():
            if looks > LOOKS_FOR_GHOSTS:
                self.fail(f"instance {id_} is {rows[id_].state} and {looks} looks found no job")

    def crew(self, deployment: Deployment, instances: list[Instance], leaving: int) -> None:
        """After a tick: no more than wanted, but for one successor of each that leaves."""
        # A submission in doubt can only be waited for; how long, `looked` watches.
        present = sum(i.state.is_present for i in instances if i.job_id is not None)
        if present <= deployment.max_instances + leaving:
            self._crowded.pop(deployment.name, None)
            return
        looks = self._crowded[deployment.name] = self._crowded.get(deployment.name, 0) + 1
        if looks > LOOKS_FOR_CROWDS:
            found = ", ".join(f"{i.id} {i.state}" for i in instances)
            self.fail(f"{deployment.name}: {present} present, max {deployment.max_instances}, "
                      f"{leaving} leaving: {found}")  # fmt: skip

    def intended(self, deployment: Deployment, instances: list[Instance], leaving: int) -> None:
        """A launch begins; these were there before it."""
        present = sum(i.state.is_present for i in instances)
        if present >= deployment.max_instances + leaving:
            found = ", ".join(f"{i.id} {i.state}" for i in instances)
            self.fail(f"{deployment.name} is launched beside {found}")

    def told_to_end(self, instance: Instance | None, worker: Worker) -> None:
        """Our scancel reaches a worker: one that nobody is angry with was let finish first."""
        if instance is None or worker.draining or worker.hung or worker.cut_off:
            return
        if worker.requests and instance.end_reason in SPARING:
            self.fail(f"{instance.id} was cancelled ({instance.end_reason}) amid its requests")

    def lasts(self, instance: Instance, deployment: Deployment) -> None:
        """After a look: nothing starts or drains for longer than it may."""
        began, limit_s = instance.state_since, deployment.drain_timeout_s + DRAIN_MARGIN_S
        if instance.state is S.STARTING:
            began, limit_s = instance.running_since or began, deployment.startup_timeout_s
        elif instance.state is not S.DRAINING:
            return
        if self._timeline.now - self.acting_since <= LATE_S:
            return
        if (self._timeline.clock() - began).total_seconds() > limit_s + LATE_S:
            self.fail(f"{instance.id} is {instance.state} for longer than it may")

    def ended(self, instance: Instance, job: SmallJob | None, worker: Worker | None) -> None:
        """Its row says that the job, or its engine, is gone: then it is."""
        alive = job is not None and job.is_live and job.ending is None
        serves = alive and worker is not None and not worker.gone
        if alive and instance.end_reason in NOT_OURS:
            self.fail(f"{instance.id} ended as {instance.end_reason}, but its job lives")
        if serves and instance.end_reason is EndReason.CRASHED:
            self.fail(f"{instance.id} ended as crashed, but its worker lives")

    def cut(self, cause: str) -> None:
        """A request was cut that takes no longer than a drain may."""
        if cause in WALLTIME_CUTS:
            self.fail(f"a short request was cut: {cause}")

    def closed(self, waiting: int) -> None:
        """After days without faults nobody waits any more."""
        if waiting:
            self.fail(f"{waiting} clients still wait at the end of the month")

    def neglect(self, model: str, asked: bool, may_launch: bool) -> None:
        """After a tick: somebody waits, nothing speaks against a launch, and none comes."""
        if not (asked and may_launch):
            self._neglected_since.pop(model, None)
            return
        since = self._neglected_since.setdefault(model, self._timeline.now)
        if self._timeline.now - since > NEGLECT_S:
            self.fail(f"{model} is asked for, could be launched, and is not")
