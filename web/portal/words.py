"""Numbers and times as people read them. Pure: filters of the templates.

A time is written so that it is right without JavaScript (in UTC, and said so); with it, the
browser shows its own zone's (static/portal.js).
"""

import math
from collections.abc import Callable
from datetime import UTC, datetime

from markupsafe import Markup

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
NOTHING = "–"


def number(value: float | None) -> str:
    """1,234,567; at most two places after the point."""
    if value is None:
        return NOTHING
    text = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def short_number(value: float | None) -> str:
    """1.2M: for where the whole of it has no room."""
    if value is None:
        return NOTHING
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        # What rounds up to 1,000 of the smaller unit is one of the larger.
        if abs(value) >= limit * 0.9995:
            return f"{value / limit:.3g}{unit}"
    if 0 < abs(value) < 1:
        # Two digits that say something: on the scale of a chart, 0.002 and 0.004 are not the same.
        return f"{value:.{1 - math.floor(math.log10(abs(value)))}f}".rstrip("0")
    return number(round(value, 2) if isinstance(value, float) else value)


def span(seconds: float | None) -> str:
    """A length of time in at most two units: 45 s, 12 min, 3 h 5 min, 2 d 4 h."""
    if seconds is None:
        return NOTHING
    left = max(0, round(seconds))
    for at, (size, unit) in enumerate(_UNITS):
        if left < size:
            continue
        text = f"{left // size} {unit}"
        small, small_unit = _UNITS[min(at + 1, len(_UNITS) - 1)]
        rest = left % size // small
        # Seconds say nothing beside ten minutes.
        is_told = rest and not (unit == "min" and left >= 600)
        return f"{text} {rest} {small_unit}" if is_told else text
    return "0 s"


def ago(at: datetime | None, now: datetime) -> str:
    """`3 min ago`; what is to come is `in 3 min`."""
    if at is None:
        return "never"
    seconds = (now - at).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    return f"in {span(-seconds)}" if seconds < 0 else f"{span(seconds)} ago"


def when(at: datetime | None, style: str = "minute") -> Markup | str:
    """A moment as a `time` element; `style`: day, minute or clock (no date)."""
    if at is None:
        return NOTHING
    utc = at.astimezone(UTC)
    form = {"day": "%Y-%m-%d", "minute": "%Y-%m-%d %H:%M UTC", "clock": "%H:%M UTC"}[style]
    return Markup('<time datetime="{}" data-style="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), style, utc.strftime(form)
    )


def plural(count: int, one: str, many: str = "") -> str:
    """`1 key`, `3 keys`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


FILTERS: dict[str, Callable[..., object]] = {
    "number": number,
    "short_number": short_number,
    "span": span,
    "ago": ago,
    "when": when,
    "plural": plural,
}
