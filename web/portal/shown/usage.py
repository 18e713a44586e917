"""What the pages about usage show: which days, pictures, rows of tables. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import urlencode

from markupsafe import Markup

from web.portal.charts import Series, bars
from web.portal.words import number, short_number
from web.usage.overview import Entry, Overview
from web.usage.spans import DAY, Span, Unit

MOST_DAYS = 366
EARLIEST = date(2000, 1, 1)
DEFAULT = "30d"
CUSTOM = "custom"
OTHERS = "all others"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _last(days: int) -> Callable[[date], Span]:
    return lambda today: Span(today - timedelta(days=days - 1), today)


def _this_month(today: date) -> Span:
    return Span(today.replace(day=1), today)


def _last_month(today: date) -> Span:
    last = today.replace(day=1) - DAY
    return Span(last.replace(day=1), last)


RANGES: dict[str, tuple[str, Callable[[date], Span]]] = {
    "7d": ("7 days", _last(7)),
    "30d": ("30 days", _last(30)),
    "90d": ("90 days", _last(90)),
    "month": ("This month", _this_month),
    "last-month": ("Last month", _last_month),
    "year": ("12 months", _last(365)),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which days. `problem`: why they are not those that were asked for."""

    kind: str
    span: Span
    problem: str = ""

    @property
    def words(self) -> dict[str, str]:
        """As an address asks for it again."""
        if self.kind == CUSTOM:
            return {"from": self.span.first.isoformat(), "to": self.span.last.isoformat()}
        return {} if self.kind == DEFAULT else {"range": self.kind}

    @property
    def days(self) -> str:
        first, last = self.span.first.isoformat(), self.span.last.isoformat()
        return first if first == last else f"{first} to {last}"


def asked_for(kind: str, first: str, last: str, today: date) -> Asked:
    """What an address asks for; what makes no sense is told, and the default shown."""
    if first or last:
        try:
            return Asked(CUSTOM, _read_span(first, last, today))
        except ValueError as error:
            return Asked(DEFAULT, RANGES[DEFAULT][1](today), str(error))
    if kind and kind not in RANGES:
        return Asked(DEFAULT, RANGES[DEFAULT][1](today), "There is no such choice of days.")
    return Asked(kind or DEFAULT, RANGES[kind or DEFAULT][1](today))


def _read_span(first: str, last: str, today: date) -> Span:
    span = Span(
        _read_date(first) if first else RANGES[DEFAULT][1](today).first,
        _read_date(last) if last else today,
    )
    if span.days < 1:
        raise ValueError("The last day is before the first.")
    if span.days > MOST_DAYS:
        raise ValueError(f"A page shows at most {MOST_DAYS} days at once.")
    return span


def _read_date(text: str) -> date:
    try:
        day = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day < date(9000, 1, 1):
        raise ValueError(f"{text[:40]!r} is no day: write it like 2026-11-20.")
    return day


def address(path: str, asked: Asked, **more: str) -> str:
    words = {**asked.words, **{name: value for name, value in more.items() if value}}
    return f"{path}?{urlencode(words)}" if words else path


@dataclass(frozen=True, slots=True)
class Row:
    """Of a table. None: nobody knows, and the table has no such column."""

    name: str
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    gpu_hours: float | None
    cost: float | None


@dataclass(frozen=True, slots=True)
class Money:
    """Of a GPU-hour; `price` None: there is none, and no cost is told."""

    price: Decimal | None
    currency: str

    def cost(self, gpu_hours: float | None) -> float | None:
        if self.price is None or gpu_hours is None:
            return None
        return round(float(self.price) * gpu_hours, 2)


def row(entry: Entry, money: Money) -> Row:
    line, hours = entry.line, entry.gpu_hours
    return Row(
        entry.name,
        line.requests,
        line.errors,
        line.prompt_tokens,
        line.completion_tokens,
        None if hours is None else round(hours, 2),
        money.cost(hours),
    )


def pictures(told: Overview) -> list[Markup]:
    """Tokens by model over time, requests, GPU-hours: whatever there is any of."""
    axis = "Day (UTC)" if told.span.unit is Unit.DAY else "Month (UTC)"
    labels = [each.name for each in told.by_period]
    made = []
    if told.total.tokens:
        made.append(bars(labels, _tokens(told), title="Tokens, by model", axis=axis))
    if told.total.line.requests:
        made.append(bars(labels, _requests(told.by_period), title="Requests", axis=axis))
    hours = [round(each.gpu_hours or 0.0, 2) for each in told.by_period]
    if any(hours):
        made.append(bars(labels, [Series("GPU-hours", hours)], title="GPU-hours", axis=axis))
    return made


def _tokens(told: Overview) -> list[Series]:
    """The leading models, and what all others had together."""
    series = [Series(name, values) for name, values in told.leaders.items()]
    rest = [
        each.tokens - sum(values[at] for values in told.leaders.values())
        for at, each in enumerate(told.by_period)
    ]
    return [*series, Series(OTHERS, rest)] if any(rest) else series


def _requests(periods: Sequence[Entry]) -> list[Series]:
    series = [Series("answered", [each.line.requests - each.line.errors for each in periods])]
    if any(each.line.errors for each in periods):
        series.append(Series("failed", [each.line.errors for each in periods]))
    return series


@dataclass(frozen=True, slots=True)
class Tile:
    """A number at the head of the page, and what it is made of."""

    name: str
    value: str
    about: str


def tiles(told: Overview, money: Money) -> list[Tile]:
    total, line = told.total, told.total.line
    read, written = short_number(line.prompt_tokens), short_number(line.completion_tokens)
    made = [
        Tile("Tokens", short_number(total.tokens), f"{read} read, {written} written"),
        Tile("Requests", short_number(line.requests), _about_requests(total)),
    ]
    if total.gpu_hours is not None:
        made.append(Tile("GPU-hours", short_number(round(total.gpu_hours, 2)), "GPUs held by jobs"))
    if (cost := money.cost(total.gpu_hours)) is not None:
        price = f"{money.currency} {number(float(money.price or 0))} a GPU-hour"
        made.append(Tile("Cost", f"{money.currency} {cost:,.2f}", price))
    return made


def _about_requests(total: Entry) -> str:
    line = total.line
    parts = [f"{number(line.errors)} failed", f"{number(line.aborted)} left early"]
    if line.requests:
        parts.append(f"{line.duration_s / line.requests:.1f} s each")
    return ", ".join(parts)
