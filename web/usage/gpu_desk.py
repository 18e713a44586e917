"""Answers whose GPU-hours they were, and what they cost: for reports and for budgets."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import partial

from web.usage.gpu_hours import (
    UNUSED,
    gpu_hours,
    share_out,
    spent_by_hour,
    stretches,
    whole,
)
from web.usage.gpu_store import GpuStore
from web.usage.lines import Question
from web.usage.periods import By
from web.usage.report import Share


class GpuDesk:
    """`price` is that of a GPU-hour; None: no costs are told. Raises StorageError."""

    def __init__(
        self, store: GpuStore, clock: Callable[[], datetime], price: Decimal | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._price = price

    def shares(
        self, by: Sequence[By], question: Question, zone: tzinfo
    ) -> Mapping[tuple[str, ...], Share] | None:
        """None where no instance ever had a GPU: then there is nothing to tell."""
        if not self._store.has_gpus():
            return None
        return {names: self._share(a) for names, a in self._shared(by, question, zone).items()}

    def hours_by_subject(self, since: datetime, until: datetime | None) -> Mapping[str, float]:
        """`user:…`, `key:…` and `model:…` -> GPU-hours from `since` up to `until`, or now.

        What nobody used is the model's, and no user's.
        """
        found: dict[str, float] = {}
        for by in (By.MODEL, By.USER, By.KEY):
            for (name,), amount in self._shared((by,), Question(since, until), UTC).items():
                if by is By.MODEL or name != UNUSED:
                    found[f"{by.value}:{name}"] = gpu_hours(amount)
        return found

    def _shared(
        self, by: Sequence[By], question: Question, zone: tzinfo
    ) -> dict[tuple[str, ...], int]:
        now = self._clock()
        until = min(question.until or now, now)
        allocations = self._store.allocations(question.since, until, now, question.model)
        spent = spent_by_hour(allocations, question.since, until)
        parts = stretches(spent, by, zone)
        to_all = question.user is None and question.key_id is None
        if not spent or (to_all and By.USER not in by and By.KEY not in by):
            return whole(parts, by)
        since = question.since or min(each.start for each in allocations)
        totals = self._store.totals(since, until, list(spent))
        weigh = partial(self._store.weigh, by, question)
        return share_out(parts, totals, by, weigh, to_all=to_all)

    def _share(self, microseconds: int) -> Share:
        hours = gpu_hours(microseconds)
        return Share(hours, float(self._price) * hours if self._price is not None else None)
