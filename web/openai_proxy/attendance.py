"""Keeping the data path's idea of the instances true: their load, who is gone, who is back."""

import logging
import time
from collections.abc import Callable
from datetime import datetime

import requests

from web.database import StorageError, why
from web.fleet.outlook import Outlook
from web.fleet.routing import Target
from web.fleet.store import InstanceStore
from web.openai_proxy.standing import Standing
from web.openai_proxy.upstream import EnginePool

INTERVAL_S = 1.0
PROBE_TIMEOUT_S = 10.0
# One token takes a few hundred bytes; an embedding may have thousands of numbers.
MAX_PROOF_BYTES = 256 * 1024
# A token from any of these proves an engine: not every engine generates.
PROBES = (
    ("/v1/completions", {"prompt": "1", "max_tokens": 1}),
    ("/v1/embeddings", {"input": "1"}),
)

log = logging.getLogger(__name__)


class Attendance:
    """`refresh` runs in the background, once per INTERVAL_S."""

    def __init__(
        self,
        store: InstanceStore,
        outlook: Outlook,
        standing: Standing,
        pool: EnginePool,
        probe: Callable[[Target, str], bool],
    ) -> None:
        self._store = store
        self._outlook = outlook
        self._standing = standing
        self._pool = pool
        self._probe = probe
        self._heard: dict[str, datetime | None] = {}

    def refresh(self) -> None:
        snapshot = self._outlook.snapshot
        targets = {
            target.instance_id: (target, name)
            for name in snapshot.names
            for target in snapshot.routes[name].targets
        }
        self._standing.forget_all_but(set(targets))
        self._pool.forget_all_but(t.netloc for t, _ in targets.values())
        try:
            self._hear()
        except StorageError as error:
            log.warning("the load of the instances is not known: %s", why(error))
        # One that failed just now may have ended meanwhile: then it is not asked any more.
        for instance_id in self._standing.ejected & targets.keys():
            target, model = targets[instance_id]
            if self._probe(target, model):
                log.info("instance %s answers again", instance_id)
                self._standing.proven(instance_id)

    def _hear(self) -> None:
        for instance_id, (at, load) in self._store.loads().items():
            if self._heard.get(instance_id) != at:
                self._heard[instance_id] = at
                self._standing.heard(instance_id, load)


def answers_with_a_token(target: Target, model: str) -> bool:
    """Whether the engine answers a real question, of the kind it is made for."""
    headers = {"Authorization": f"Bearer {target.engine_key}"}
    for path, question in PROBES:
        try:
            with requests.post(
                f"http://{target.netloc}{path}",
                json={"model": model, **question},
                headers=headers,
                timeout=PROBE_TIMEOUT_S,
                proxies={"http": ""},
                stream=True,
            ) as answer:
                if answer.ok:
                    return _ends_soon(answer)
        except requests.RequestException:
            return False
    return False


def _ends_soon(answer: requests.Response) -> bool:
    """An engine that may say anything may also go on forever, or byte by byte."""
    deadline, size = time.monotonic() + PROBE_TIMEOUT_S, 0
    # A larger piece would be waited for.
    for byte in answer.iter_content(1):
        size += len(byte)
        if size > MAX_PROOF_BYTES or time.monotonic() > deadline:
            return False
    return size > 0
