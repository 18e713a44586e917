"""Answers whose GPU-hours they were, and what they cost: for reports and for budgets."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from web.usage.gpu_hours import NOBODY, Owner, gpu_hours, share_out, spent_by_hour
from web.usage.gpu_store import GpuStore
from web.usage.lines import Question
from web.usage.periods import By
from web.usage.report import Share

WHOSE = (By.USER, By.KEY)


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
        found: dict[tuple[str, ...], Share] = {}
        for names, parts in self._shared(by, question, zone).items():
            own = [part for owner, part in parts.items() if _is_asked(owner, question)]
            if own:
                found[names] = self._share(sum(own))
        return found

    def hours_by_subject(self, since: datetime, until: datetime | None) -> Mapping[str, float]:
        """`user:…`, `key:…` and `model:…` -> GPU-hours from `since` up to `until`, or now.

        What nobody used is the model's, and no user's.
        """
        shared = self._shared((By.MODEL, By.USER, By.KEY), Question(since, until), UTC)
        sums: dict[str, int] = {}
        for (model, user, key_id), parts in shared.items():
            amount = sum(parts.values())
            subjects = [f"model:{model}"]
            if NOBODY not in parts:
                subjects += [f"user:{user}", f"key:{key_id}"]
            for subject in subjects:
                sums[subject] = sums.get(subject, 0) + amount
        return {subject: gpu_hours(amount) for subject, amount in sums.items()}

    def _shared(
        self, by: Sequence[By], question: Question, zone: tzinfo
    ) -> dict[tuple[str, ...], dict[Owner, int]]:
        now = self._clock()
        until = min(question.until or now, now)
        allocations = self._store.allocations(question.since, until, now, question.model)
        spent = spent_by_hour(allocations, question.since, until)
        by_key = By.KEY in by or question.key_id is not None
        if not spent or not (by_key or By.USER in by or question.user is not None):
            return share_out(spent, {}, by, zone)
        since = question.since or min(each.start for each in allocations)
        tokens = self._store.tokens(since, until, list(spent), by_key=by_key)
        return share_out(spent, tokens, by, zone)

    def _share(self, microseconds: int) -> Share:
        hours = gpu_hours(microseconds)
        return Share(hours, float(self._price) * hours if self._price is not None else None)


def _is_asked(owner: Owner, question: Question) -> bool:
    return (question.user is None or owner.user == question.user) and (
        question.key_id is None or owner.key_id == question.key_id
    )
