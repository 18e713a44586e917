"""Asking instances for a token when there is reason to doubt them, beside the ticks.

A probe costs a place in the engine's queue, so an instance that reports and makes tokens is left
alone. What comes of it is evidence for the planner (web.fleet.vitality), never a verdict.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from web.database import StorageError, why
from web.fleet.evidence import Probe
from web.fleet.launch import engine_key
from web.fleet.policy import Policy
from web.fleet.probe import answers_with_a_token
from web.fleet.routing import Target
from web.fleet.states import Instance, InstanceState
from web.fleet.store import InstanceStore
from web.fleet.vitality import is_silent
from web.secrets import Secrets

INTERVAL_S = 1.0
LEAST_PAUSE = timedelta(seconds=5)
MAX_AT_ONCE = 8
# Asked before the planner's patience ends, so that the answer is there when it does.
EARLY = 2 / 3

log = logging.getLogger(__name__)


def worth_probing(instance: Instance, now: datetime, policy: Policy) -> bool:
    """Whether there is reason to ask: it is suspected, silent, or has made no token for a while.

    An engine that no longer tells its load makes no progress either: one that is stopped while
    idle shows by nothing else.
    """
    if instance.node is None or instance.port is None:
        return False
    if instance.state is not InstanceState.READY:
        return instance.state is InstanceState.UNREADY
    return is_silent(instance, now, policy) or _stands_still(instance, now, policy)


def _stands_still(instance: Instance, now: datetime, policy: Policy) -> bool:
    if instance.progress_at is None:
        return False
    return (now - instance.progress_at).total_seconds() > policy.stuck_after_s * EARLY


class Prober:
    """`look` waits for no probe; `results` is what came of them, in memory."""

    def __init__(
        self,
        store: InstanceStore,
        secrets: Secrets,
        clock: Callable[[], datetime],
        policy: Policy,
        leads: Callable[[], bool],
        probe: Callable[[Target, str], bool] = answers_with_a_token,
    ) -> None:
        """`leads`: whether this process holds the fleet lock. The others have nobody to tell."""
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._policy = policy
        self._leads = leads
        self._probe = probe
        self._mutex = threading.Lock()
        self._suspects: dict[str, Target] = {}
        self._asked_at: dict[str, datetime] = {}
        self._in_flight: set[str] = set()
        self._results: dict[str, Probe] = {}

    def results(self) -> Mapping[str, Probe]:
        """Instance id -> the last probe, of those that there is reason to doubt just now."""
        with self._mutex:
            return dict(self._results)

    def run(self, stop: threading.Event) -> None:
        """Look until stopped. A fault of one round is logged, and the next one comes."""
        while not stop.wait(INTERVAL_S):
            try:
                self.look()
            except Exception:
                log.exception("nobody is probed this time")

    def look(self) -> None:
        """Start the probes that are due."""
        now = self._clock()
        try:
            suspects = self._doubtful(now)
        except StorageError as error:
            log.warning("nobody is probed without the database: %s", why(error))
            return
        with self._mutex:
            due = self._note(suspects, now)
        for instance, target in due:
            # They die with the process: a probe of a hung engine must not delay its end.
            threading.Thread(
                target=self._ask, args=(target, instance.model), name="probe", daemon=True
            ).start()

    def _doubtful(self, now: datetime) -> list[tuple[Instance, Target]]:
        if not self._leads():
            return []
        return [
            (instance, self._target(instance))
            for instance in self._store.live()
            if instance.secret_version in self._secrets.versions
            and worth_probing(instance, now, self._policy)
        ]

    def _target(self, instance: Instance) -> Target:
        key = engine_key(self._secrets, instance.id, instance.secret_version)
        return Target(instance.id, f"{instance.node}:{instance.port}", key)

    def _note(
        self, suspects: list[tuple[Instance, Target]], now: datetime
    ) -> list[tuple[Instance, Target]]:
        """Forget those that are doubted no more, and take those whose turn it is."""
        before = self._suspects
        self._suspects = {target.instance_id: target for _, target in suspects}
        # An old answer must not speak against an instance that is doubted anew, or moved.
        stay = {id_ for id_, target in self._suspects.items() if before.get(id_) == target}
        for known in (self._results, self._asked_at):
            for gone in known.keys() - stay:
                del known[gone]
        due = [s for s in suspects if self._is_due(s[0].id, now)]
        due.sort(key=lambda s: self._asked_at.get(s[0].id, s[0].created_at))
        due = due[: MAX_AT_ONCE - len(self._in_flight)]
        for instance, _ in due:
            self._asked_at[instance.id] = now
            self._in_flight.add(instance.id)
        return due

    def _is_due(self, instance_id: str, now: datetime) -> bool:
        asked_at = self._asked_at.get(instance_id)
        rested = asked_at is None or now - asked_at >= LEAST_PAUSE
        return rested and instance_id not in self._in_flight

    def _ask(self, target: Target, model: str) -> None:
        ok: bool | None = None
        try:
            ok = self._probe(target, model)
        except Exception:
            # Our own fault says nothing of the engine.
            log.exception("the probe of instance %s failed to be made", target.instance_id)
        at = self._clock()
        with self._mutex:
            self._in_flight.discard(target.instance_id)
            if ok is not None and self._suspects.get(target.instance_id) == target:
                self._record(target.instance_id, ok, at)

    def _record(self, instance_id: str, ok: bool, at: datetime) -> None:
        before = self._results.get(instance_id)
        if before is None or before.ok is not ok:
            words = "answers a probe" if ok else "does not answer a probe"
            log.info("instance %s %s", instance_id, words)
        fails_still = before is not None and not before.ok
        since = before.failing_since if before is not None and fails_still else at
        self._results[instance_id] = Probe(at, ok, None if ok else since)
