"""Pictures of numbers as SVG: `bars` and `line` (and `web.portal.timeline`). Pure.

Each is a figure with its title, a legend, the picture and a table of the same numbers. Looks come
from static/charts.css, which the page links; no style stands in the markup. The charts of one page
have titles of their own: their tables are named after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from web.portal import plot
from web.portal.plot import Say, percent, tag
from web.portal.words import NOTHING, short_number

PLOT_PX = 150
TOP_PX, BOTTOM_PX = 18, 22
_WIDTH = 1000


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity: its name, and a value for each label; None where nothing is known."""

    name: str
    values: Sequence[float | None]


def bars(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    axis: str,
    about: str = "",
    say: Say = short_number,
    of_time: bool = False,
) -> Markup:
    """A bar per label, the series stacked. `axis` says what the labels are: "Day".

    `of_time`: the values are seconds, and the scale has the steps of clocks.
    """
    totals = [sum(s.values[i] or 0 for s in series) for i in range(len(labels))]
    most = max(totals, default=0)
    steps = plot.time_ticks(most) if of_time else plot.ticks(most, _is_whole(series))
    picture = plot.drawing(
        title,
        about,
        TOP_PX + PLOT_PX + BOTTOM_PX,
        *_grid(steps, say),
        *_stacks(labels, series, steps[-1], say),
        *_labels(labels, centred=True),
        has_scale=True,
    )
    table = _table(labels, series, title, axis, say)
    return plot.figure(title, picture, [s.name for s in series], table)


def line(
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    title: str,
    axis: str,
    about: str = "",
    say: Say = short_number,
) -> Markup:
    """A line per series over labels at equal distances; it is broken where nothing is known."""
    known = [v for s in series for v in s.values if v is not None]
    steps = plot.ticks(max(known, default=0), _is_whole(series))
    picture = plot.drawing(
        title,
        about,
        TOP_PX + PLOT_PX + BOTTOM_PX,
        *_grid(steps, say),
        _curves(series, steps[-1]),
        *_hints(labels, series, say),
        *_labels(labels, centred=False),
        has_scale=True,
    )
    table = _table(labels, series, title, axis, say)
    return plot.figure(title, picture, [s.name for s in series], table)


def _is_whole(series: Sequence[Series]) -> bool:
    return all(v is None or float(v).is_integer() for s in series for v in s.values)


def _y(value: float, most: float) -> float:
    return round(TOP_PX + PLOT_PX * (1 - value / most), 2)


def _grid(steps: Sequence[float], say: Say) -> list[Markup]:
    parts = []
    for value in steps:
        y = _y(value, steps[-1])
        line_ = {"class": "plot-grid", "x1": "0", "x2": "100%", "y1": y, "y2": y}
        parts.append(tag("line", line_))
        place = {"class": "plot-text", "x": "-8", "y": y + 4, "text-anchor": "end"}
        parts.append(tag("text", place, say(value)))
    return parts


def _stacks(labels: Sequence[str], series: Sequence[Series], most: float, say: Say) -> list[Markup]:
    parts = []
    width = 1 / max(1, len(labels))
    for at, label in enumerate(labels):
        below = 0.0
        for index, each in enumerate(series):
            value = each.values[at] or 0
            top, foot = _y(below + value, most), _y(below, most)
            below += value
            box = {
                "class": f"plot-fill {plot.colour(index)}",
                "x": percent((at + 0.12) * width),
                "width": percent(0.76 * width),
                "y": top,
                "height": round(foot - top, 2),
            }
            hint = f"{label}, {each.name}: {say(value)}"
            if value:
                parts.append(tag("rect", box, tag("title", {}, hint)))
    return parts


def _curves(series: Sequence[Series], most: float) -> Markup:
    """The lines, drawn on a canvas of a fixed width that is stretched to the picture's."""
    kept = {"vector-effect": "non-scaling-stroke"}
    lines = [
        tag("polyline", {"class": f"plot-line {plot.colour(index)}", "points": points, **kept})
        for index, each in enumerate(series)
        for points in _stretches(each.values, most)
    ]
    canvas = {
        "width": "100%",
        "height": TOP_PX + PLOT_PX,
        "viewBox": f"0 0 {_WIDTH} {TOP_PX + PLOT_PX}",
        "preserveAspectRatio": "none",
    }
    return tag("svg", canvas, *lines)


def _stretches(values: Sequence[float | None], most: float) -> list[str]:
    """The points of each unbroken part; one that stands alone is told twice, and so is a dot."""
    parts: list[list[str]] = [[]]
    for at, value in enumerate(values):
        if value is None:
            parts.append([])
        else:
            x = _WIDTH * at / max(1, len(values) - 1)
            parts[-1].append(f"{x:.1f},{_y(value, most):g}")
    return [" ".join(points if len(points) > 1 else points * 2) for points in parts if points]


def _hints(labels: Sequence[str], series: Sequence[Series], say: Say) -> list[Markup]:
    """What the pointer finds at each label."""
    parts = []
    step = 1 / max(1, len(labels) - 1)
    for at, label in enumerate(labels):
        known = [(s.name, s.values[at]) for s in series]
        told = [f"{name} {say(value)}" for name, value in known if value is not None]
        left = max(0.0, (at - 0.5) * step)
        box = {
            "class": "plot-hit",
            "x": percent(left),
            "width": percent(min(1.0, (at + 0.5) * step) - left),
            "y": TOP_PX,
            "height": PLOT_PX,
        }
        parts.append(tag("rect", box, tag("title", {}, f"{label}: {', '.join(told) or NOTHING}")))
    return parts


def _labels(labels: Sequence[str], *, centred: bool) -> list[Markup]:
    count = len(labels)
    parts = []
    shown = plot.told_labels(count)
    for at in shown:
        anchor = "start" if at == 0 else "end" if at == count - 1 else "middle"
        x = (at + 0.5) / count if centred else at / max(1, count - 1)
        if centred and anchor != "middle":
            anchor, x = ("middle", 0.5) if count == 1 else (anchor, float(at != 0))
        place = {
            "class": "plot-text" + plot.only_where_wide(shown.index(at), len(shown)),
            "x": percent(x),
            "y": TOP_PX + PLOT_PX + 16,
            "text-anchor": anchor,
        }
        parts.append(tag("text", place, labels[at]))
    return parts


def _table(
    labels: Sequence[str], series: Sequence[Series], title: str, axis: str, say: Say
) -> Markup:
    rows = [
        (label, [NOTHING if (v := s.values[at]) is None else say(v) for s in series])
        for at, label in enumerate(labels)
    ]
    return plot.data_table(title, axis, [s.name for s in series], rows)
