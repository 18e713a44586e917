"""From what is asked, in words, to a report: shared by `kscope usage` and `/api/usage`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeAlias

from web.usage.lines import Question
from web.usage.periods import By, begin_of_hour, end_of_hour, read_by, read_time
from web.usage.report import Share, UsageReport, report
from web.usage.store import UsageStore

SharesOf: TypeAlias = Callable[
    [Sequence[By], Question, tzinfo], Mapping[tuple[str, ...], Share] | None
]
"""What each row of a report, by its names, had of the GPUs; None where nobody knows."""

BY_DEFAULT = "user,model"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person or a program asks for; empty texts ask for all."""

    by: str = BY_DEFAULT
    since: str = ""
    until: str = ""
    user: str = ""
    key: str = ""
    model: str = ""

    def read(self, now: datetime, zone: tzinfo) -> tuple[tuple[By, ...], Question]:
        """Raises ValueError, in words. An hour that began before `until` is whole in it."""
        for text in (self.user, self.key, self.model):
            if not text.isprintable():
                raise ValueError(f"{text[:40]!r} is no name")
        since = begin_of_hour(read_time(self.since, now, zone)) if self.since else None
        until = end_of_hour(read_time(self.until, now, zone)) if self.until else None
        if since and until and until <= since:
            raise ValueError("the time ends before it begins")
        question = Question(since, until, self.user or None, self.key or None, self.model or None)
        return read_by(self.by), question


class UsageDesk:
    def __init__(
        self, store: UsageStore, shares_of: SharesOf | None = None, currency: str | None = None
    ) -> None:
        """`currency`: of the shares' costs, if they have any."""
        self._store = store
        self._currency = currency
        self._shares_of = shares_of

    def report(
        self, by: Sequence[By], question: Question, zone: tzinfo, most_rows: int | None = None
    ) -> UsageReport:
        """Raises TooMuch when it would have more than `most_rows`."""
        sums = self._store.sums(by, question, zone, most_rows)
        shares = self._shares_of(by, question, zone) if self._shares_of is not None else None
        return report(by, question.since, question.until, sums, shares, self._currency)
