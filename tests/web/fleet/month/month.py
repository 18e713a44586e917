"""One month in one loop: events as they come, looks at the cluster where they matter."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from tests.web.fleet.month.clients import Client, Tally
from tests.web.fleet.month.faults import Misfortune
from tests.web.fleet.month.fleet import Fleet
from tests.web.fleet.month.gateway import Gateway
from tests.web.fleet.month.memory import MemoryDemand, MemoryStore
from tests.web.fleet.month.scenario import DAYS, Scenario, Session, make_scenario
from tests.web.fleet.month.slurm import SmallJob, SmallSlurm
from tests.web.fleet.month.timeline import DAY, HOUR, Timeline
from tests.web.fleet.month.watch import Watch
from tests.web.fleet.month.worker import Worker
from web.catalog import Catalog
from web.catalog.deployment import Deployment
from web.fleet.failures import launch_record
from web.fleet.policy import Policy
from web.fleet.states import Instance
from web.fleet.states import InstanceState as S
from web.fleet.succession import is_last_call, is_leaving, start_s

LOOK_S = 10.0
# After anything happened the looks stay close for this long, then they are spaced out: nothing
# changes but by a timer, and each timer of the deciders has a look of its own.
CLOSE_FOR_S = 25.0
SPACED_S = 3600.0
AFTER_TIMER_S = 20.0
ASK_AGAIN_S = 20.0
PASSING = (S.SUBMITTING, S.UNREADY, S.DRAINING, S.STOPPING)


@dataclass
class Outcome:
    """What a month came to."""

    seed: int
    tally: Tally
    ticks: int = 0
    launches: int = 0
    handovers: int = 0
    deaths: int = 0
    gpu_hours: float = 0.0
    busy_hours: float = 0.0
    still_waiting: int = 0
    # Hours in which a model was to be there unasked, and those of them in which none was ready.
    kept_hours: float = 0.0
    down_hours: float = 0.0
    ends: dict[str, int] = field(default_factory=dict)


class Month:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.random = Random(scenario.seed + 1_000_003)
        self.timeline = Timeline()
        self.policy = Policy()
        self.watch = Watch(self.timeline)
        self.slurm = SmallSlurm(scenario, self.timeline, self.random)
        self.store = MemoryStore(self._hook, self.timeline, self.watch.tell)
        self.gateway = Gateway(self.timeline, self.store, MemoryDemand(), self.watch, self.policy)
        self.fleet = Fleet(self.slurm, self.store, self.gateway, self.random)
        self.misfortune = Misfortune(self)
        self.outcome = Outcome(scenario.seed, Tally())
        self.workers: list[Worker] = []
        self._next_look = self._looked_at = 0.0
        self._close_until = CLOSE_FOR_S
        self._reminders: set[float] = set()
        self._prepare()

    def _prepare(self) -> None:
        self.slurm.tell = self.watch.tell
        self.store.on_intent = self._intended
        self.store.on_end = self._ended
        self.gateway.catalog = Catalog(self.scenario.deployments)
        self.slurm.on_start, self.slurm.on_end = self._job_started, self._job_ended
        self.slurm.on_term, self.slurm.on_change = self._job_told, self.disturb
        for session in self.scenario.sessions:
            self.timeline.at(session.at, lambda session=session: self._begin(session))
        self.misfortune.plan(self.scenario.faults)

    def _hook(self, where: str) -> None:
        self.fleet.hook(where)

    # The loop

    def run(self) -> Outcome:
        """Without a word in the log: a month has hundreds of thousands of them."""
        log = logging.getLogger("web.fleet")
        before = log.level
        log.setLevel(logging.CRITICAL)
        try:
            return self._run()
        finally:
            log.setLevel(before)

    def _run(self) -> Outcome:
        timeline, end = self.timeline, DAYS * DAY
        while True:
            when = min(timeline.next_at, self._next_look)
            if when > end:
                break
            if timeline.next_at <= self._next_look:
                timeline.step()
                self._wake()
            else:
                self._look(self._next_look)
        return self._close()

    def disturb(self) -> None:
        """Something happened: the next look comes at its ordinary time."""
        now = self.timeline.now
        self._close_until = now + CLOSE_FOR_S
        self._next_look = min(self._next_look, (now // LOOK_S + 1) * LOOK_S)

    def _wake(self) -> None:
        """A cold model was asked for: the fleet plans at once, without a look."""
        if self.gateway.cold_asked:
            self.gateway.cold_asked = False
            self.disturb()
            self.fleet.tick(look=False)

    def _look(self, at: float) -> None:
        timeline = self.timeline
        self._account(at - self._looked_at)
        self._looked_at = at
        timeline.now = max(timeline.now, at - 0.5)
        for worker in self.workers:
            worker.beat()
        timeline.now = at
        self._ask_again()
        before = self.store.moves
        self.fleet.tick(look=True)
        self.outcome.ticks += 1
        self._check()
        if self.store.moves != before:
            self.disturb()
        self._next_look = self._after(at)

    def _account(self, passed_s: float) -> None:
        """How long a model that is to stay up was not, since the look before."""
        ready = {i.model for i in self.store.live() if i.is_routable}
        for deployment in self.gateway.catalog:
            if deployment.min_instances:
                self.outcome.kept_hours += passed_s / HOUR
                self.outcome.down_hours += passed_s / HOUR * (deployment.name not in ready)

    def _after(self, at: float) -> float:
        """When the next look is due that can tell or decide anything."""
        live = self.store.live()
        if at < self._close_until or any(i.state in PASSING for i in live):
            return at + LOOK_S
        whole = (at // SPACED_S + 1) * SPACED_S
        return min(whole, self._reminded_at(at), self._handover_at(live, at, whole))

    def _handover_at(self, live: tuple[Instance, ...], at: float, by: float) -> float:
        """When the next instance before `by` is to be succeeded, or takes no request any more."""
        history, due = self.store.history(), by
        for i in live:
            if i.walltime_end is None:
                continue
            deployment = self.gateway.catalog.find(i.model)
            own = [o for o in (*live, *history.get(i.model, ())) if o.model == i.model]
            lead_s = start_s(own, self.policy)
            for becomes in (
                lambda now, i=i, d=deployment, s=lead_s: is_leaving(i, d, s, now, self.policy),
                lambda now, i=i, d=deployment: is_last_call(i, d, now),
            ):
                due = min(due, self._first(becomes, at, due))
        return due

    def _first(self, becomes: Callable[[datetime], bool], at: float, by: float) -> float:
        """The first look after `at` for which it holds, if it holds then and not now."""
        time_of = self.timeline.time_of
        if becomes(time_of(at)) or not becomes(time_of(by)):
            return by
        low, high = int(at // LOOK_S), int(by // LOOK_S)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if becomes(time_of(middle * LOOK_S)) else (middle, high)
        return high * LOOK_S

    def remind(self, delay_s: float) -> None:
        """Look once after this delay, whatever happens until then."""
        at = ((self.timeline.now + delay_s) // LOOK_S + 1) * LOOK_S
        if at not in self._reminders:
            self._reminders.add(at)
            self._next_look = min(self._next_look, at)

    def watch_closely(self) -> None:
        """Somebody is to be found out within minutes."""
        for delay_s in range(0, 160, 20):
            self.remind(delay_s)

    def _reminded_at(self, at: float) -> float:
        self._reminders = {when for when in self._reminders if when > at}
        return min(self._reminders, default=float("inf"))

    # Clients

    def _begin(self, session: Session) -> None:
        for _ in range(session.clients):
            client = Client(
                session, self.timeline, self.random, self.outcome.tally, self.gateway.send
            )
            client.on_needless_cut = self.watch.cut
            self.timeline.after(self.random.uniform(0, 5), client.ask)
        self.disturb()

    def _ask_again(self) -> None:
        """Whoever waits asks every few seconds; only the asking that tells something is played."""
        if self.gateway.is_away:
            return
        for model, clients in self.gateway.waiting.items():
            if not self.gateway.is_waited_for(model):
                continue
            self.gateway.demand.asked[model] = self.timeline.clock()
            route = self.gateway.snapshot().routes[model]
            waiting = self.gateway.waiting[model] = [c for c in clients if c.is_waiting]
            for client in waiting:
                if client.is_called:
                    continue
                patient = client.waiting_since + client.session.patience_s > self.timeline.now
                if route.targets or not patient or self.random.random() < 0.1:
                    client.is_called = True
                    later = self.random.uniform(0, ASK_AGAIN_S if route.targets else 1.0)
                    self.timeline.after(later, lambda c=client: self.gateway.call_back(c))

    # Jobs

    def _job_started(self, job: SmallJob) -> None:
        worker = Worker(job, self.slurm, self.gateway.desk, self.random)
        worker.on_owner = self.watch.owns
        worker.on_load = self._load_changed
        timeout_s = self.gateway.catalog.find(job.model).startup_timeout_s
        self.remind(timeout_s + AFTER_TIMER_S)
        self.workers.append(worker)
        self.gateway.workers[worker.netloc] = worker

    def _load_changed(self, worker: Worker) -> None:
        deployment = self.gateway.catalog.find(worker.job.model)
        if worker.hung:
            self.watch_closely()
        elif not worker.requests:
            self.remind(deployment.scale_down_after_s + AFTER_TIMER_S)
            self.remind(deployment.idle_timeout_s + AFTER_TIMER_S)
        elif len(worker.requests) > deployment.target_requests:
            self.remind(0.0)
            self.remind(deployment.scale_up_after_s + AFTER_TIMER_S)

    def _worker_of(self, job: SmallJob) -> Worker | None:
        return next((w for w in self.workers if w.job is job), None)

    def _job_ended(self, job: SmallJob) -> None:
        worker = self._worker_of(job)
        if worker is not None:
            worker.vanish(job.state.value)
            self.workers.remove(worker)
            self.gateway.workers.pop(worker.netloc, None)
            self.outcome.busy_hours += worker.busy_seconds * job.gpus / HOUR

    def _job_told(self, job: SmallJob) -> None:
        worker = self._worker_of(job)
        if worker is not None:
            if job.is_told_by_us:
                self.watch.told_to_end(self.store.find(job.instance_id), worker)
            worker.drain(20.0, "SIGTERM")

    # Judgement

    def _check(self) -> None:
        slurm, now = self.slurm, self.timeline.clock()
        blind = slurm.is_away or slurm.login_is_away or self.fleet.is_down or self.gateway.is_away
        rows = {i.id: i for i in self.store.live()}
        if self.fleet.is_down or self.gateway.is_away:
            self.watch.acting_since = self.timeline.now
        if not blind:
            self.watch.looked(slurm.jobs.values(), rows, self.store.find, slurm.unreadable)
        history = self.store.history()
        for deployment in self.gateway.catalog:
            own = [i for i in rows.values() if i.model == deployment.name]
            past = history.get(deployment.name, ())
            if not blind:
                self.watch.crew(deployment, own, self._leaving(deployment, own))
                for instance in own:
                    self.watch.lasts(instance, deployment)
            record = launch_record(
                past, deployment.fingerprint, self.store.orders.retried().get(deployment.name), now,
                self.policy,
            )  # fmt: skip
            asked = self.gateway.is_waited_for(deployment.name)
            if asked and not own and record.next_at > now:
                self.remind((record.next_at - now).total_seconds())
            open_ = not blind and not own and not record.given_up and now >= record.next_at
            self.watch.neglect(deployment.name, asked, open_)

    def _leaving(self, deployment: Deployment, own: list[Instance]) -> int:
        """How many of a model's instances are to be succeeded."""
        lead_s = start_s((*own, *self.store.history().get(deployment.name, ())), self.policy)
        now = self.timeline.clock()
        return sum(is_leaving(i, deployment, lead_s, now, self.policy) for i in own)

    def _intended(self, instance: Instance) -> None:
        deployment = self.gateway.catalog.find(instance.model)
        own = [i for i in self.store.live() if i.model == instance.model]
        self.watch.intended(deployment, own, self._leaving(deployment, own))

    def _ended(self, instance: Instance) -> None:
        job = self.slurm.jobs.get(instance.job_id or "")
        self.watch.ended(instance, job, job and self._worker_of(job))

    def _close(self) -> Outcome:
        out = self.outcome
        out.still_waiting = sum(
            c.is_waiting for held in self.gateway.waiting.values() for c in held
        )
        self.watch.closed(out.still_waiting)
        running = [j for j in self.slurm.jobs.values() if j.is_live and j.started_at is not None]
        rest_s = sum((self.timeline.now - j.started_at) * j.gpus for j in running)
        out.gpu_hours = (self.slurm.gpu_seconds + rest_s) / HOUR
        out.launches, out.deaths = self.slurm.submits, self.fleet.deaths
        out.ends = self.store.ends
        out.handovers = out.ends.get("replaced", 0)
        return out

    def change_catalog(self, model: str, **changes: object) -> None:
        self.gateway.catalog = Catalog(
            replace(d, **changes) if d.name == model else d for d in self.gateway.catalog
        )
        self.disturb()


def run_month(seed: int) -> Outcome:
    return Month(make_scenario(seed)).run()
