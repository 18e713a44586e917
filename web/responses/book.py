"""Responses' whereabouts in memory, written down in batches: no answer waits for the database."""

import logging
import re
from collections.abc import Callable
from datetime import datetime

from web.database import StorageError, why
from web.responses.store import ResponseStore, Whereabouts

FLUSH_INTERVAL_S = 0.25
MAX_REMEMBERED = 10_000
# The first member of a plain answer, and of the first event of a stream, is the response's id.
_ID = re.compile(rb'"id":\s*"(resp_[A-Za-z0-9_-]{1,140})"')

log = logging.getLogger(__name__)


def response_id_in(beginning: bytes) -> str | None:
    """The id of the response whose answer begins so."""
    found = _ID.search(beginning)
    return found.group(1).decode() if found else None


class ResponseBook:
    def __init__(self, store: ResponseStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, Whereabouts] = {}
        self._unwritten: list[Whereabouts] = []

    def note(self, response_id: str, instance_id: str, user: str) -> None:
        made = Whereabouts(response_id, instance_id, user, self._clock())
        self._known[response_id] = made
        self._unwritten.append(made)
        while len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]

    def find(self, response_id: str) -> Whereabouts | None:
        """Asks the database only for what another process has made."""
        return self._known.get(response_id) or self._store.find(response_id)

    def flush(self) -> None:
        """Write down what is new. On failure it is kept for the next time."""
        made, self._unwritten = self._unwritten, []
        if not made:
            return
        try:
            self._store.add(made, self._clock())
        except StorageError as error:
            self._unwritten = made + self._unwritten
            log.warning("responses not written down, will try again: %s", why(error))
