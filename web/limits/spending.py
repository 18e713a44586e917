"""How much of the budgets of this day and this month is used, known within seconds.

What the accounts have written down (for all processes and hosts) is read every few seconds; what
this process has settled since is added. So a budget may be overdrawn by what is running, and by
what other processes settled within the last REFRESH_S + their flush interval. Hours that are over
are summed once an hour, so that a refresh reads only the newest.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from web.database import StorageError, why
from web.limits.rules import Rule
from web.limits.telling import quota_exceeded

REFRESH_S = 5.0
# GPU-hours grow slowly, and take more work to share out.
GPU_REFRESH_S = 60.0
HOUR = timedelta(hours=1)

log = logging.getLogger(__name__)


class Accounts(Protocol):
    """Sums by subject (`scope:name`, for users, keys and models) over full hours."""

    def tokens(self, since: datetime, until: datetime | None) -> Mapping[str, int]: ...

    def gpu_hours(self, since: datetime, until: datetime | None) -> Mapping[str, float]: ...


@dataclass(slots=True)
class _Sums:
    day: Counter[str] = field(default_factory=Counter)
    month: Counter[str] = field(default_factory=Counter)


class Spending:
    def __init__(self, accounts: Accounts, clock: Callable[[], datetime]) -> None:
        self._accounts = accounts
        self._clock = clock
        self._hour: datetime | None = None
        self._past = _Sums()
        self._written = _Sums()
        self._gpu_of_day: Mapping[str, float] = {}
        self._gpu_of_month: Mapping[str, float] = {}
        self._gpu_due: datetime | None = None
        # Settled here since the last refresh, and between that and the one before: some of it is
        # not yet written down.
        self._settled: Counter[str] = Counter()
        self._settled_before: Counter[str] = Counter()

    def settle(self, rules: tuple[Rule, ...], tokens: int) -> None:
        for rule in rules:
            if rule.limits.counts_tokens:
                self._settled[rule.subject] += tokens

    def check(self, rules: tuple[Rule, ...]) -> None:
        """Raises QuotaExceeded."""
        for rule in rules:
            limits = rule.limits
            if limits.counts_tokens:
                self._check(rule, "tokens per day", limits.tokens_per_day, self._day)
                self._check(rule, "tokens per month", limits.tokens_per_month, self._month)
            if limits.counts_gpu_hours:
                self._check(rule, "GPU-hours per day", limits.gpu_hours_per_day, self._gpu_day)
                self._check(
                    rule, "GPU-hours per month", limits.gpu_hours_per_month, self._gpu_month
                )

    def refresh(self, *, tokens: bool, gpu_hours: bool) -> None:
        """Read what is written down, as far as there are budgets for it. May wait for the
        database; if that is away, what was last known stays."""
        try:
            if tokens:
                self._refresh_tokens()
            if gpu_hours:
                self._refresh_gpu_hours()
        except StorageError as error:
            log.warning("budgets go by what was last known: %s", why(error))

    def _refresh_tokens(self) -> None:
        now = self._clock()
        hour = now.replace(minute=0, second=0, microsecond=0)
        day, month = _begins(now)
        # The hour before is still being written down in its successor's first seconds.
        newest = max(month, hour - HOUR)
        if hour != self._hour:
            past = _Sums()
            if month < newest:
                past.month.update(self._accounts.tokens(month, newest))
            if day < newest:
                past.day.update(self._accounts.tokens(day, newest))
            self._past, self._hour = past, hour
        new = Counter(self._accounts.tokens(newest, None))
        of_day = new if newest >= day else Counter(self._accounts.tokens(day, None))
        written = _Sums(self._past.day + of_day, self._past.month + new)
        self._written = written
        self._settled_before, self._settled = self._settled, Counter()

    def _refresh_gpu_hours(self) -> None:
        now = self._clock()
        if self._gpu_due is not None and now < self._gpu_due:
            return
        day, month = _begins(now)
        self._gpu_of_day = self._accounts.gpu_hours(day, None)
        self._gpu_of_month = self._accounts.gpu_hours(month, None)
        self._gpu_due = now + timedelta(seconds=GPU_REFRESH_S)

    def _day(self, subject: str) -> int:
        return self._written.day[subject] + self._unwritten(subject)

    def _month(self, subject: str) -> int:
        return self._written.month[subject] + self._unwritten(subject)

    def _gpu_day(self, subject: str) -> float:
        return self._gpu_of_day.get(subject, 0.0)

    def _gpu_month(self, subject: str) -> float:
        return self._gpu_of_month.get(subject, 0.0)

    def _unwritten(self, subject: str) -> int:
        return self._settled[subject] + self._settled_before[subject]

    def _check(
        self, rule: Rule, budget: str, limit: float | None, used_of: Callable[[str], float]
    ) -> None:
        if limit is None:
            return
        used = used_of(rule.subject)
        if used < limit:
            return
        now = self._clock()
        raise quota_exceeded(rule, budget, used, limit, _end(budget, now), now)


def _begins(now: datetime) -> tuple[datetime, datetime]:
    """Of the day and of the month, in UTC."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return day, day.replace(day=1)


def _end(budget: str, now: datetime) -> datetime:
    day, month = _begins(now)
    if budget.endswith("day"):
        return day + timedelta(days=1)
    return (month + timedelta(days=32)).replace(day=1)
