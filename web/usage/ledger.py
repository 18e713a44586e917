"""Usage in memory, written down in batches: no request waits for the database.

A request is added to its line, of one key, model and hour, in constant time. Every
FLUSH_INTERVAL_S the lines that changed are written as one batch, in one transaction with the
batch's number. A batch whose fate is unknown, because the database went away in mid-commit, is
written again as it was, under the same number, and the store sees whether it is there already: so
nothing is lost and nothing counts twice. `kill -9` loses what came since the last batch, and the
requests that were in flight. A request belongs to the hour in which it ended.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from web.database import StorageError, why
from web.openai_proxy.inquiry import Served
from web.usage.counting import is_aborted, is_error, tokens_of
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

FLUSH_INTERVAL_S = 2.0
CLOSE_WITHIN_S = 5.0
RETRY_S = 0.2
# One transaction; with the sums of days and months SQLite takes 5 ms for it, and all streams wait
# so long.
MAX_BATCH_LINES = 150
# Some 30 MB. Beyond, while the database is away, new keys share a line for each model and hour.
MAX_LINES = 100_000
NOBODY = ""
HOUR = timedelta(hours=1)

log = logging.getLogger(__name__)


class Ledger:
    """One per process. `record` may be called from any thread; so may `flush`."""

    def __init__(self, store: UsageStore, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._writer = uuid.uuid4().hex
        self._lock = threading.Lock()  # of the lines; never held while anything is waited for
        self._lines: dict[LineKey, Line] = {}
        self._hour = datetime.min.replace(tzinfo=clock().tzinfo)
        self._writing = threading.Lock()
        self._unwritten: Batch | None = None
        self._number = 0

    def record(self, served: Served) -> None:
        """The data path's `Recorder`."""
        tokens = tokens_of(served)
        with self._lock:
            line = self._line(served)
            line.requests += 1
            line.errors += is_error(served)
            line.aborted += is_aborted(served)
            line.prompt_tokens += tokens.prompt
            line.cached_tokens += tokens.cached
            line.completion_tokens += tokens.completion
            line.estimated_tokens += tokens.estimated
            line.duration_s += served.duration_s

    def flush(self) -> None:
        """Write down what is new. On failure it is kept for the next time."""
        try:
            self._write_all()
        except StorageError as error:
            log.warning("usage not written down, will try again: %s", why(error))

    def close(self) -> None:
        """Write down the rest, once no request is left; a database that is away gets a moment."""
        deadline = time.monotonic() + CLOSE_WITHIN_S
        while True:
            try:
                return self._write_all()
            except StorageError as error:
                if time.monotonic() >= deadline:
                    log.error("the usage of the last seconds is lost: %s", why(error))  # noqa: TRY400
                    return None
            time.sleep(RETRY_S)

    def _line(self, served: Served) -> Line:
        now = self._clock()
        if not self._hour <= now < self._hour + HOUR:
            self._hour = now.replace(minute=0, second=0, microsecond=0)
        principal = served.principal
        key = LineKey(self._hour, principal.key_id, served.model, principal.user)
        line = self._lines.get(key)
        if line is None and len(self._lines) >= MAX_LINES:
            key = LineKey(self._hour, NOBODY, served.model, NOBODY)
            line = self._lines.get(key)
            if line is None:
                log.error("too much usage is unwritten: from now on nobody is named with it")
        if line is None:
            line = self._lines[key] = Line()
        return line

    def _write_all(self) -> None:
        with self._writing:
            while batch := self._unwritten or self._next_batch():
                self._unwritten = batch
                self._store.add(self._writer, batch, self._clock())
                self._unwritten = None
                time.sleep(0)  # the streams' turn

    def _next_batch(self) -> Batch | None:
        with self._lock:
            taken = [self._lines.popitem() for _ in range(min(len(self._lines), MAX_BATCH_LINES))]
        if not taken:
            return None
        self._number += 1
        # All writers in the same order, so that none waits for another in a circle.
        return Batch(self._number, tuple(sorted(taken, key=lambda item: item[0])))
