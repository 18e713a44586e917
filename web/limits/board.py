"""The limits as they are just now, in this process; read again when the database says so."""

import logging

from web.database import StorageError, why
from web.limits.rules import RuleBook
from web.limits.spending import Spending
from web.limits.store import LimitStore

INTERVAL_S = 0.5

log = logging.getLogger(__name__)


class RuleBoard:
    """`book` never waits; `refresh` runs in the background."""

    def __init__(self, store: LimitStore, spending: Spending) -> None:
        self._store = store
        self._spending = spending
        self._version = -1
        self.book = RuleBook({})

    def refresh(self) -> None:
        """A database that is away leaves what was last known in force."""
        try:
            version = self._store.version()
            if version == self._version:
                return
            book = RuleBook(self._store.rows())
        except StorageError as error:
            log.warning("limits go by what was last known: %s", why(error))
            return
        self.book, self._version = book, version
        # What a new budget says is known at once, not only at the next look.
        self.refresh_spending()

    def refresh_spending(self) -> None:
        rows = self.book.rows.values()
        self._spending.refresh(
            tokens=any(limits.counts_tokens for limits in rows),
            gpu_hours=any(limits.counts_gpu_hours for limits in rows),
        )
