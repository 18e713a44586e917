"""Work that would hold the event loop up, done in a thread of its own.

In a gateway worker all streams share one thread, and SQLite keeps it for as long as a query takes.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

import gevent

T = TypeVar("T")


class Aside:
    """One piece of work at a time; who comes meanwhile waits. What it uses is used by nobody else:
    a database's connections do not go from thread to thread."""

    def __init__(self) -> None:
        self._busy = threading.Lock()

    def do(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Streams go on meanwhile."""

        def told() -> tuple[T | None, Exception | None]:
            # What a thread of gevent's raises would be printed too.
            try:
                return work(), None
            except Exception as error:
                return None, error

        with self._busy:
            result, error = gevent.get_hub().threadpool.apply(told)
        if error is not None:
            raise error
        done: T = result
        return done
