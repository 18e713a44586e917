"""A small Slurm behind the Cluster protocol: one queue, few GPUs, and its ways to fail."""

from collections.abc import Callable, Collection
from dataclasses import replace
from random import Random

from slurm.errors import (
    AccountingOff,
    CancelFailed,
    ObservationFailed,
    ShellUnavailable,
    SubmitRejected,
    SubmitUnknown,
)
from slurm.jobs import Job, JobState
from slurm.script import LaunchSpec
from tests.web.fleet.month.scenario import Scenario
from tests.web.fleet.month.timeline import Timeline

J = JobState
MIN_JOB_AGE_S = 300.0
SLURMD_TIMEOUT_S = 300.0
KILL_WAIT_S = 30.0
# So late does accounting hear of a job's end.
RECORD_LAG_S = 20.0


class SmallJob:
    """One job; `row` is what squeue prints of it."""

    def __init__(self, job_id: str, spec: LaunchSpec, submitted_at: float, walltime_s: float):
        self.job_id = job_id
        self.spec = spec
        self.instance_id = spec.instance_id
        self.model = spec.model
        self.gpus = spec.gpus
        self.walltime_s = walltime_s
        self.state = J.PENDING
        self.reason = "Priority"
        self.node: str | None = None
        self.submitted_at = self.eligible_at = submitted_at
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.restarts = 0
        self.held = self.is_told_by_us = False
        self.ending: JobState | None = None  # what a TERM is to end it as
        self._row: tuple[object, Job] | None = None

    @property
    def is_live(self) -> bool:
        return not self.state.is_over

    def row(self, timeline: Timeline) -> Job:
        key = (self.state, self.reason, self.node, self.started_at)
        if self._row is None or self._row[0] != key:
            start = self.started_at
            end = None if start is None else start + self.walltime_s
            job = Job(
                self.job_id,
                self.spec.job_name,
                self.state,
                self.reason,
                self.node,
                timeline.time_of(self.submitted_at),
                None if start is None else timeline.time_of(start),
                None if end is None else timeline.time_of(self.ended_at or end),
            )
            self._row = (key, job)
        return self._row[1]


class SmallSlurm:
    """`on_start` and `on_end` are told of every run of every job."""

    name = "slurm"

    def __init__(self, scenario: Scenario, timeline: Timeline, random: Random) -> None:
        self.scenario = scenario
        self.timeline = timeline
        self.random = random
        self.jobs: dict[str, SmallJob] = {}
        self.records: dict[str, SmallJob] = {}
        self.others_gpus = 0
        self.broken: dict[str, str] = {}
        self.is_away = self.login_is_away = False
        self.unreadable: str | None = None
        self.on_start: Callable[[SmallJob], None] = lambda job: None
        self.on_term: Callable[[SmallJob], None] = lambda job: None
        self.on_end: Callable[[SmallJob], None] = lambda job: None
        self.on_change: Callable[[], None] = lambda: None
        self.tell: Callable[[str], None] = lambda words: None
        self.gpu_seconds = 0.0
        self.submits = self.listings = self.lookups = 0
        self._next_id = 1

    # The Cluster protocol

    def submit(self, spec: LaunchSpec) -> str:
        self.submits += 1
        if self.login_is_away:
            raise ShellUnavailable("connection refused")
        if self.is_away:
            # sbatch gives up after 10 s; slurmctld reads what it was sent when it wakes.
            if self.random.random() < 0.5:
                self._add(spec, delay_s=self.random.uniform(1.0, 50.0))
            raise SubmitUnknown("Socket timed out on send/recv operation")
        breakage = self.broken.get(spec.model, "")
        if breakage.startswith("rejected"):
            raise SubmitRejected("Invalid qos", terminal=breakage == "rejected for good")
        if self.random.random() < self.scenario.ambiguous:
            if self.random.random() < 0.5:
                self._add(spec, delay_s=self.random.uniform(0.0, 90.0))
            raise SubmitUnknown("the connection broke")
        if self.random.random() < self.scenario.ambiguous / 2:
            # As after a login node that repeats what it was sent: two jobs of one instance.
            self._add(spec, delay_s=self.random.uniform(0.0, 90.0))
        return self._add(spec, 0.0)

    def list_jobs(self) -> tuple[Job, ...]:
        self.listings += 1
        if self.is_away or self.login_is_away:
            raise ObservationFailed("Unable to contact slurm controller")
        horizon = self.timeline.now - MIN_JOB_AGE_S
        gone = [
            id_ for id_, j in self.jobs.items() if j.ended_at is not None and j.ended_at < horizon
        ]
        for job_id in gone:
            self.records[job_id] = self.jobs.pop(job_id)
        now = self.timeline.now
        rows = [j.row(self.timeline) for j in self.jobs.values() if j.submitted_at <= now]
        self.unreadable = None
        if rows and self.random.random() < self.scenario.lossy / 4:
            # A state of a newer Slurm: whatever it means, it is not the end.
            index = self.random.randrange(len(rows))
            if not rows[index].state.is_over:
                rows[index] = replace(rows[index], state=J.UNKNOWN)
                self.unreadable = rows[index].job_id
        return tuple(rows)

    def lookup(self, job_ids: Collection[str]) -> tuple[Job, ...]:
        """Every third site keeps no records; those of the others come late."""
        self.lookups += 1
        if self.scenario.seed % 3 == 0:
            raise AccountingOff("Slurm accounting storage is disabled")
        if self.is_away or self.login_is_away:
            raise ObservationFailed("Connection refused")
        known = (self.records[job_id] for job_id in job_ids if job_id in self.records)
        return tuple(self._record(job) for job in known)

    def _record(self, job: SmallJob) -> Job:
        row, ended_at = job.row(self.timeline), job.ended_at
        told = ended_at is not None and ended_at + RECORD_LAG_S < self.timeline.now
        return row if told else replace(row, state=J.RUNNING)

    def cancel(self, job_id: str) -> None:
        if self.is_away or self.login_is_away:
            raise CancelFailed("Unable to contact slurm controller")
        job = self.jobs.get(job_id)
        if job is not None and job.is_live:
            job.is_told_by_us = True
            self.terminate(job, J.CANCELLED)

    def read_log(self, instance_id: str, max_bytes: int = 65536) -> str:
        return "the last line of the log"

    def close(self) -> None:
        pass

    # What the scheduler does

    def _add(self, spec: LaunchSpec, delay_s: float) -> str:
        now = self.timeline.now
        walltime_s = self.scenario.walltime_s[spec.model]
        job = SmallJob(str(self._next_id), spec, now + delay_s, walltime_s)
        self._next_id += 1
        self.jobs[job.job_id] = job
        self.tell(f"job {job.job_id} of {job.instance_id} is queued (in {delay_s:.0f} s)")
        if self.broken.get(spec.model) == "hopeless":
            job.held, job.reason = True, "InvalidQOS"
        job.eligible_at += 1.0 + self.random.expovariate(1 / self.scenario.queue_wait_s)
        self.timeline.at(job.eligible_at, self.schedule)
        return job.job_id

    @property
    def free_gpus(self) -> int:
        used = sum(j.gpus for j in self.jobs.values() if j.started_at is not None and j.is_live)
        return self.scenario.gpus - used - min(self.others_gpus, self.scenario.gpus - used)

    def schedule(self) -> None:
        """Start what is due and fits, oldest first; a job that does not fit stops the queue."""
        if self.is_away:
            return
        free, now = self.free_gpus, self.timeline.now
        for job in self.jobs.values():
            waiting = job.state is J.PENDING and job.started_at is None and not job.held
            if not waiting or job.eligible_at > now:
                continue
            if job.gpus > free:
                job.reason = "Resources"
                return
            free -= job.gpus
            self._start(job)

    def _start(self, job: SmallJob) -> None:
        job.state, job.reason = J.RUNNING, ""
        job.node = f"node{self.random.randint(1, 4)}"
        job.started_at = self.timeline.now
        run = job.restarts
        self.timeline.after(job.walltime_s, lambda: self._expire(job, run))
        self.tell(f"job {job.job_id} of {job.instance_id} starts, run {job.restarts}")
        self.on_start(job)
        self.on_change()

    def _expire(self, job: SmallJob, run: int) -> None:
        if job.restarts == run and job.state is J.RUNNING:
            self.end(job, J.TIMEOUT)

    def terminate(self, job: SmallJob, state: JobState) -> None:
        """TERM now, KILL after KillWait; COMPLETING in between."""
        if job.started_at is None:
            self.end(job, state)
            return
        job.ending = state
        job.state, run = J.COMPLETING, job.restarts

        def kill() -> None:
            if job.is_live and job.restarts == run:
                self.end(job, state)

        self.on_term(job)
        self.timeline.after(KILL_WAIT_S, kill)

    def end(self, job: SmallJob, state: JobState) -> None:
        self._stop_counting(job)
        job.state, job.ended_at = state, self.timeline.now
        self.tell(f"job {job.job_id} of {job.instance_id} ends: {state.value}")
        self.on_end(job)
        self.timeline.after(1.0, self.schedule)
        self.on_change()

    def requeue(self, job: SmallJob) -> None:
        """The same id again: PENDING, with a higher restart count."""
        self._stop_counting(job)
        job.state = J.REQUEUED
        self.tell(f"job {job.job_id} of {job.instance_id} is requeued")
        self.on_end(job)
        job.restarts += 1
        # As on 22.05 (tests/recordings: squeue-requeued): submitted anew at that moment.
        job.submitted_at = self.timeline.now
        job.state, job.reason, job.node, job.started_at = J.PENDING, "BeginTime", None, None
        job.eligible_at = self.timeline.now + 120.0
        self.timeline.at(job.eligible_at, self.schedule)
        self.on_change()

    def forget(self, job: SmallJob) -> None:
        """Ended and gone from every listing at once."""
        self.end(job, J.CANCELLED)
        self.records[job.job_id] = self.jobs.pop(job.job_id)

    def _stop_counting(self, job: SmallJob) -> None:
        if job.started_at is not None and job.is_live:
            self.gpu_seconds += (self.timeline.now - job.started_at) * job.gpus
