"""What pages show of usage: in all, over time, by model and by user, from days' and months' sums.

GPU-hours are shared out as in every report (`web.usage.gpu_hours`): those of a model and a day by
the tokens of that day. Of users they are told of spans that are told by days only, because they are
put together from single days: a year of them takes longer than a page may.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from web.usage import gpu_days
from web.usage.gpu_days import GpuDays
from web.usage.gpu_hours import gpu_hours
from web.usage.gpu_store import GpuStore
from web.usage.lines import Line
from web.usage.spans import Span, Unit, day_number, label
from web.usage.sums_store import Sum, SumsStore, Tokens

# Models with a colour of their own in a picture; all others share one.
MOST_LEADERS = 5
# To name more than these to the database takes longer than to be told of all.
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """`gpu_hours`: None where nobody knows them."""

    name: str
    line: Line
    gpu_hours: float | None = None

    @property
    def tokens(self) -> int:
        return self.line.prompt_tokens + self.line.completion_tokens


@dataclass(frozen=True, slots=True)
class Overview:
    """`by_period` has every day or month of the span; models and users stand in the order of their
    tokens, most first. `leaders`: the first models' tokens in each period. `untold_gpus`: users had
    GPU-hours, but over so long a span they are not told."""

    span: Span
    total: Entry
    by_period: Sequence[Entry]
    by_model: Sequence[Entry]
    leaders: Mapping[str, Sequence[int]]
    users: Sequence[Entry] = ()
    users_in_all: int = 0
    untold_gpus: bool = False


@dataclass(frozen=True, slots=True)
class UsersAsked:
    """So many users whose names have that in them, those with most tokens first."""

    named_like: str = ""
    offset: int = 0
    limit: int = 50


@dataclass(slots=True)
class _Shares:
    """GPU-microseconds."""

    by_user: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_model: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    by_period: dict[str, float] = field(default_factory=lambda: defaultdict(float))


class OverviewDesk:
    """Raises StorageError."""

    def __init__(self, sums: SumsStore, gpus: GpuStore, clock: Callable[[], datetime]) -> None:
        self._sums = sums
        self._gpus = gpus
        self._clock = clock

    def of_user(self, user: str, span: Span) -> Overview:
        sums = self._sums.of_user(user, span)
        models = _added((each.name, each.line) for each in sums)
        periods = _added((each.period, each.line) for each in sums)
        leaders = _leaders(models)
        of_leaders = [each for each in sums if each.name in leaders]
        has_gpus, is_short = self._gpus.has_gpus(), span.unit is Unit.DAY
        shares = self._shares(user, span) if has_gpus and is_short else None
        told = _overview(span, models, periods, of_leaders, leaders, shares)
        return replace(told, untold_gpus=has_gpus and not is_short)

    def of_everybody(self, span: Span, users: UsersAsked | None = None) -> Overview:
        """With some of the users, if they are asked for."""
        models = {each.name: each.line for each in self._sums.by_model(span)}
        periods = {each.period: each.line for each in self._sums.of_everybody(span)}
        leaders = _leaders(models)
        of_leaders = self._sums.of_everybody(span, leaders)
        days = self._days(span) if self._gpus.has_gpus() else None
        shares = None if days is None else _whole(days, span)
        told = _overview(span, models, periods, of_leaders, leaders, shares)
        if users is None:
            return told
        found, in_all = self._users(span, users, days)
        untold = days is not None and span.unit is not Unit.DAY
        return replace(told, users=found, users_in_all=in_all, untold_gpus=untold)

    def _users(
        self, span: Span, asked: UsersAsked, days: GpuDays | None
    ) -> tuple[list[Entry], int]:
        found, in_all = self._sums.by_user(span, asked.named_like, asked.offset, asked.limit)
        shares = None
        if days is not None and span.unit is Unit.DAY:
            mine = self._sums.tokens_by_day([each.name for each in found], span)
            shares = _shared(mine, days, span).by_user
        return [Entry(each.name, each.line, _hours(shares, each.name)) for each in found], in_all

    def _shares(self, user: str, span: Span) -> _Shares:
        mine = self._sums.tokens_by_day([user], span)
        used = {model for _, _, model, _, _ in mine}
        return _shared(mine, self._days(span, used if len(used) <= MOST_NAMED else None), span)

    def _days(self, span: Span, models: Collection[str] | None = None) -> GpuDays:
        now = self._clock()
        until = min(span.end, now)
        return gpu_days.by_day(self._gpus.runs(span.begin, until, now, models), span, until)


def _shared(mine: Iterable[Tokens], days: GpuDays, span: Span) -> _Shares:
    shares, first, unit = _Shares(), day_number(span.first), span.unit
    labels = [label(first + number, unit) for number in range(span.days)]
    for user, day, model, tokens, of_all in mine:
        if model in days:
            part = days[model][day - first] * tokens / of_all
            shares.by_user[user] += part
            shares.by_model[model] += part
            shares.by_period[labels[day - first]] += part
    return shares


def _whole(days: GpuDays, span: Span) -> _Shares:
    """What all had, and what nobody used."""
    shares, first, unit = _Shares(), day_number(span.first), span.unit
    for model, amounts in days.items():
        shares.by_model[model] = sum(amounts)
    for number, amounts in enumerate(zip(*days.values(), strict=True)):
        shares.by_period[label(first + number, unit)] += sum(amounts)
    return shares


def _overview(
    span: Span,
    models: Mapping[str, Line],
    periods: Mapping[str, Line],
    of_leaders: Iterable[Sum],
    leaders: Sequence[str],
    shares: _Shares | None,
) -> Overview:
    of_models, of_periods = (shares.by_model, shares.by_period) if shares else (None, None)
    told = {**dict.fromkeys(of_models or (), Line()), **models}
    by_model = [Entry(name, line, _hours(of_models, name)) for name, line in told.items()]
    by_period = [
        Entry(name, periods.get(name, Line()), _hours(of_periods, name)) for name in span.labels()
    ]
    tokens = {(each.name, each.period): _tokens(each.line) for each in of_leaders}
    everything = _added(("", line) for line in models.values()).get("", Line())
    total = None if of_models is None else gpu_hours(sum(of_models.values()))
    return Overview(
        span,
        Entry("", everything, total),
        by_period,
        sorted(by_model, key=lambda each: (-each.tokens, -(each.gpu_hours or 0), each.name)),
        {name: [tokens.get((name, each.name), 0) for each in by_period] for name in leaders},
    )


def _leaders(models: Mapping[str, Line]) -> list[str]:
    used = [name for name, line in models.items() if _tokens(line)]
    return sorted(used, key=lambda name: (-_tokens(models[name]), name))[:MOST_LEADERS]


def _added(lines: Iterable[tuple[str, Line]]) -> dict[str, Line]:
    found: dict[str, Line] = {}
    for key, line in lines:
        if key not in found:
            found[key] = Line()
        found[key].add(line)
    return found


def _tokens(line: Line) -> int:
    return line.prompt_tokens + line.completion_tokens


def _hours(shares: Mapping[str, float] | None, name: str) -> float | None:
    return gpu_hours(shares.get(name, 0)) if shares is not None else None
