"""What charts are drawn with: tags, scales and tables. Pure.

Across, everything is told in per cent, so that a chart is as wide as its place and its letters keep
their size; down, in pixels.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from markupsafe import Markup, escape

Say = Callable[[float], str]
_TIMES_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
MOST_LABELS = 5
COLOURS = 6


def tag(name: str, attributes: Mapping[str, object], *inside: str) -> Markup:
    """An element; what is not Markup is escaped. Names are ours, values can be anybody's."""
    # Not by Markup.format: a picture of three months has a thousand elements.
    told = "".join([f' {key}="{escape(value)}"' for key, value in attributes.items()])
    content = "".join([escape(each) for each in inside])
    return Markup(f"<{name}{told}>{content}</{name}>")  # noqa: S704 - escaped above


def percent(share: float) -> str:
    return f"{round(100 * share, 3):g}%"


def colour(index: int) -> str:
    """The class of the series with this index; static/charts.css gives it its looks."""
    return f"plot-{index % COLOURS + 1}"


def ticks(most: float, whole: bool) -> list[float]:
    """From 0 to the first round number that `most` does not exceed, in two to five steps."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(most / 4))
    step = next(power * n for n in (1, 2, 5, 10) if most / (power * n) <= 5)
    if whole:
        step = max(1.0, math.ceil(step))
    return [n * step for n in range(math.ceil(most / step - 1e-9) + 1)]


def time_ticks(most_s: float) -> list[float]:
    """As `ticks`, in steps that clocks know: four at most up to four days, then whole days."""
    step = next((float(s) for s in _TIMES_S if most_s / s <= 4), 0.0)
    if not step:
        step = 86400.0 * math.ceil(most_s / 4 / 86400)
    return [n * step for n in range(max(1, math.ceil(most_s / step - 1e-9)) + 1)]


def told_labels(count: int) -> list[int]:
    """Which of so many labels have room: the first, the last, and some in even steps between."""
    if count <= MOST_LABELS:
        return list(range(count))
    gaps = next((n for n in (4, 3, 2) if (count - 1) % n == 0), 0)
    if not gaps:
        return [0, count // 2, count - 1]
    return [n * (count - 1) // gaps for n in range(gaps + 1)]


def only_where_wide(index: int, count: int) -> str:
    """The further class of a label that a phone has no room for: all but both ends, and the middle
    if there is one."""
    return "" if index in (0, count - 1) or 2 * index == count - 1 else " plot-wide"


def data_table(
    title: str, axis: str, names: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]
) -> Markup:
    """The same numbers for whoever cannot or would not look at the picture."""
    head = [tag("th", {"scope": "col"}, name) for name in (axis, *names)]
    body = [
        tag("tr", {}, tag("th", {"scope": "row"}, label), *(tag("td", {}, v) for v in values))
        for label, values in rows
    ]
    table = tag(
        "table",
        {"class": "plot-table"},
        tag("caption", {}, title),
        tag("thead", {}, tag("tr", {}, *head)),
        tag("tbody", {}, *body),
    )
    scroll = tag("div", {"class": "plot-scroll", "tabindex": "0"}, table)
    # By its id a live part knows which tables were open before it was swapped.
    named = {"id": "table-" + re.sub("[^a-z0-9]+", "-", title.lower()).strip("-")}
    return tag("details", named, tag("summary", {}, "The same as a table"), scroll)


def legend(names: Sequence[str]) -> Markup:
    """Which series is which; nothing for a single one, whose name is the title."""
    if len(names) < 2:
        return Markup()
    items = [tag("li", {}, _mark(index), name) for index, name in enumerate(names)]
    return tag("ul", {"class": "plot-legend"}, *items)


def figure(title: str, svg: Markup, names: Sequence[str], table: Markup) -> Markup:
    caption = tag("figcaption", {}, title)
    return tag("figure", {"class": "plot"}, caption, legend(names), svg, table)


def drawing(
    title: str, about: str, height_px: int, *inside: str, has_scale: bool = False
) -> Markup:
    """The picture itself. To a screen reader it is one thing with a name and a description.

    `has_scale`: there is a scale on its left, beyond its edge, for which the page leaves room.
    """
    attributes = {
        "class": "plot-picture plot-scaled" if has_scale else "plot-picture",
        "width": "100%",
        "height": height_px,
        "role": "img",
        "aria-label": f"{title}. {about}" if about else title,
    }
    return tag("svg", attributes, *inside)


def _mark(index: int) -> Markup:
    box = {"class": f"plot-fill {colour(index)}", "width": "12", "height": "12", "rx": "2"}
    outer = {"class": "plot-mark", "width": "12", "height": "12", "aria-hidden": "true"}
    return tag("svg", outer, tag("rect", box))
