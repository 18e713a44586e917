"""A picture of what took how long: rows of stretches, one after the other. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from web.portal import plot
from web.portal.plot import Say, percent, tag
from web.portal.words import NOTHING, span

ROW_PX, BAR_PX, BOTTOM_PX = 44, 16, 22


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a row. Segments with the same name look the same."""

    name: str
    length: float


@dataclass(frozen=True, slots=True)
class Row:
    label: str
    segments: tuple[Segment, ...]


def timeline(
    rows: Sequence[Row],
    *,
    kinds: Sequence[str],
    title: str,
    axis: str,
    about: str = "",
    say: Say = span,
) -> Markup:
    """A bar per row that lies down, its segments (seconds) one after the other.

    `kinds` are the kinds that segments can have, in the order of the legend.
    """
    steps = plot.time_ticks(max((_length(row) for row in rows), default=0))
    height = ROW_PX * len(rows)
    picture = plot.drawing(
        title,
        about,
        height + BOTTOM_PX,
        *_uprights(steps, height, say),
        *(part for at, row in enumerate(rows) for part in _lying(row, at, kinds, steps[-1], say)),
    )
    told = [(r.label, [_seconds(r, name, say) for name in kinds]) for r in rows]
    table = plot.data_table(title, axis, kinds, told)
    return plot.figure(title, picture, kinds, table)


def _length(row: Row) -> float:
    return sum(s.length for s in row.segments)


def _seconds(row: Row, name: str, say: Say) -> str:
    own = [s.length for s in row.segments if s.name == name]
    return say(sum(own)) if own else NOTHING


def _uprights(steps: Sequence[float], height: int, say: Say) -> list[Markup]:
    parts = []
    for at, value in enumerate(steps):
        x = percent(value / steps[-1])
        line_ = {"class": "plot-grid", "x1": x, "x2": x, "y1": 0, "y2": height}
        anchor = "start" if at == 0 else "end" if at == len(steps) - 1 else "middle"
        place = {"class": "plot-text", "x": x, "y": height + 16, "text-anchor": anchor}
        parts += [tag("line", line_), tag("text", place, say(value))]
    return parts


def _lying(row: Row, at: int, kinds: Sequence[str], most: float, say: Say) -> list[Markup]:
    top = ROW_PX * at
    parts = [tag("text", {"class": "plot-label", "x": "0", "y": top + 16}, row.label)]
    left = 0.0
    for segment in row.segments:
        box = {
            "class": f"plot-fill {plot.colour(kinds.index(segment.name))}",
            "x": percent(left / most),
            "width": percent(segment.length / most),
            "y": top + 22,
            "height": BAR_PX,
        }
        hint = f"{row.label}, {segment.name}: {say(segment.length)}"
        parts.append(tag("rect", box, tag("title", {}, hint)))
        left += segment.length
    return parts
