"""The agent of one run of one job, as slurm/worker.py behaves towards the gateway."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

from slurm.jobs import JobState
from tests.web.fleet.month.slurm import SmallJob, SmallSlurm
from tests.web.fleet.month.timeline import Timeline
from web.fleet.callbacks import LoadReport, Refused, Report, Served

CLAIM_PATIENCE_S = 3600.0
TERM_DRAIN_S = 20.0
AT_ONCE = 16
Desk = Callable[[Report], str | None]


class InFlight(Protocol):
    """A request that a worker's engine computes."""

    def finish(self) -> None: ...
    def cut(self, cause: str) -> None: ...


class Worker:
    """`desk` answers a report with a command, None when no answer came; it raises Refused."""

    def __init__(self, job: SmallJob, slurm: SmallSlurm, desk: Desk, random: Random) -> None:
        self.job, self.slurm, self.desk, self.random = job, slurm, desk, random
        self.timeline: Timeline = slurm.timeline
        self.restart_count = job.restarts
        self.node = job.node
        self.port = random.randint(20000, 32767)
        self.owner = self.ready = self.draining = self.gone = False
        self.cut_off = self.hung = False
        self.requests: list[InFlight] = []
        self.stuck: list[InFlight] = []
        self.sequence = self.tokens = 0
        self.pending: Report | None = None
        self.last: Report | None = None
        self.failures = 0
        self.busy_since: float | None = None
        self.hung_since: float | None = None
        self.busy_seconds = 0.0
        self.began_at = self.timeline.now
        self.on_owner: Callable[[Worker], None] = lambda worker: None
        self.on_load: Callable[[Worker], None] = lambda worker: None
        self.timeline.after(random.uniform(0.5, 3.0), lambda: self.say("claim"))

    @property
    def netloc(self) -> str:
        return f"{self.node}:{self.port}"

    @property
    def answers(self) -> bool:
        """Makes a token for whoever asks now."""
        return self.ready and not (self.gone or self.cut_off or self.hung)

    @property
    def stuck_from(self) -> float:
        """Since when it has had requests and made no token; infinite while it makes some."""
        if self.hung_since is None or self.busy_since is None:
            return float("inf")
        return max(self.hung_since, self.busy_since)

    def hang(self) -> None:
        self.hung, self.hung_since = True, self.timeline.now

    # Reports

    def say(self, event: str, detail: str | None = None) -> None:
        if not self.gone:
            self.pending = self._report(event, detail)
            self._deliver_pending()

    def beat(self) -> None:
        """The heartbeat, or what is still to be told."""
        if self.gone or not self.owner:
            return
        if self.pending is None:
            if self.requests and not self.hung:
                self.tokens += 100
            self._obey(self._deliver(self._report("heartbeat", None)))

    def _report(self, event: str, detail: str | None) -> Report:
        self.sequence += 1
        running = min(len(self.requests), AT_ONCE)
        load = LoadReport(running, len(self.requests) - running, 0.1, self.tokens)
        return Report(
            self.job.instance_id,
            self.job.job_id,
            self.sequence,
            event,
            self.restart_count,
            self.port if self.owner else None,
            [Served(self.job.model, 8192)] if event == "ready" else None,
            load if self.ready else None,
            detail,
        )

    def _deliver_pending(self) -> None:
        report = self.pending
        if self.gone or report is None:
            return
        command = self._deliver(report)
        if command is None:
            self.failures += 1
            pause_s = min(10.0 if self.owner else 30.0, 0.75 * 2**self.failures)
            patient = self.owner or self.timeline.now < self.began_at + CLAIM_PATIENCE_S
            retry = self._deliver_pending if patient else lambda: self.end(JobState.FAILED, "alone")
            self.timeline.after(pause_s, retry)
            return
        self.failures = 0
        self.pending = None
        self._obey(command)

    def _deliver(self, report: Report) -> str | None:
        if self.cut_off:
            return None
        lossy = self.slurm.scenario.lossy
        if self.last is not None and self.random.random() < lossy / 2:
            self._replay(self.last)
        if self.random.random() < lossy:
            return None
        self.last = report
        try:
            command = self.desk(report)
        except Refused as refusal:
            return "disowned" if refusal.status in (401, 403, 409, 410) else None
        # The answer can be lost, too: what was told is then told again.
        return None if self.random.random() < lossy else command

    def _replay(self, report: Report) -> None:
        """A network that delivers an old report once more; its answer reaches nobody."""
        try:
            self.desk(report)
        except Refused:
            return

    def _obey(self, command: str | None) -> None:
        if command == "disowned":
            self.owner = False
            self.end(JobState.COMPLETED, "disowned")
        elif command == "exit":
            self.end(JobState.COMPLETED, "told to exit")
        elif command == "drain":
            self.drain(self.job.spec.drain_timeout_s, "the gateway asked")
        elif command == "continue" and not self.owner:
            self._start()

    # The engine

    def _start(self) -> None:
        self.owner = True
        self.on_owner(self)
        self.say("starting")
        breakage = self.slurm.broken.get(self.job.model)
        if breakage == "path":
            self.timeline.after(3.0, lambda: self.crash("no such model"))
        elif breakage != "hang":
            load_s = self.slurm.scenario.load_s[self.job.model] * self.random.uniform(0.7, 1.5)
            self.timeline.after(load_s, self._prove)
        lead_s = getattr(self.job.spec, "warning_s", 120.0)
        started = self.job.started_at or self.timeline.now
        signal_at = started + self.job.walltime_s - lead_s - self.random.uniform(0, 60)
        self.timeline.at(
            signal_at, lambda: self.drain(self.job.spec.drain_timeout_s, "the time limit is near")
        )

    def _prove(self) -> None:
        if not self.gone:
            self.ready = True
            self.say("ready")
            self.slurm.on_change()

    def crash(self, words: str) -> None:
        self.end(JobState.FAILED, f"the engine ended: exit code 1\n{words}", "ended")

    # Requests

    def take(self, request: InFlight, seconds: float) -> None:
        if not self.requests:
            self.busy_since = self.timeline.now
        self.requests.append(request)
        self.on_load(self)
        self.timeline.after(seconds, lambda: self._computed(request))

    def _computed(self, request: InFlight) -> None:
        if self.gone or request not in self.requests:
            return
        if self.hung or self.cut_off:
            self.stuck.append(request)
            return
        self.requests.remove(request)
        if not self.requests:
            self._count_busy()
            self.on_load(self)
            if self.draining:
                self.timeline.after(1.5, self._drained)
        request.finish()

    def thaw(self) -> None:
        self.hung = self.cut_off = False
        self.hung_since = None
        late, self.stuck = self.stuck, []
        for request in late:
            self._computed(request)

    def _count_busy(self) -> None:
        if self.busy_since is not None:
            self.busy_seconds += self.timeline.now - self.busy_since
            self.busy_since = None

    # The end

    def drain(self, limit_s: float, why: str) -> None:
        if self.gone:
            return
        if not self.ready:
            self.end(JobState.COMPLETED, f"{why}: nothing was served yet")
            return
        self.timeline.after(limit_s, lambda: self.end(JobState.COMPLETED, f"{why}, no more time"))
        if not self.draining:
            self.draining = True
            self.say("draining", why)
            self.timeline.after(2.5, self._drained)

    def _drained(self) -> None:
        if not self.gone and not self.requests:
            self.end(JobState.COMPLETED, "drained: nothing was in flight")

    def end(self, state: JobState, words: str, cause: str = "") -> None:
        """Say so, let go of the job. `cause` is what its requests die of."""
        if self.gone:
            return
        owner = self.owner
        report = self._report("ended", words)
        self.vanish(cause or words)
        if owner and self._deliver(report) is None:
            self.timeline.after(1.0, lambda: self._deliver(report))
        job, run = self.job, self.restart_count

        def release() -> None:
            if job.is_live and job.restarts == run:
                self.slurm.end(job, job.ending or state)

        self.timeline.after(1.0, release)

    def vanish(self, cause: str) -> None:
        """Every process of it is dead, without a word."""
        self._count_busy()
        self.gone = True
        dead, self.requests, self.stuck = self.requests, [], []
        for request in dead:
            request.cut("its engine hung" if self.hung or self.cut_off else cause)
