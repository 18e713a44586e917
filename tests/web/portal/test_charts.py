"""Pictures of numbers: safe, whole, and told as a table too."""

import xml.etree.ElementTree as ET

import pytest

from web.portal import plot
from web.portal.charts import Series, bars, line
from web.portal.timeline import Row, Segment, timeline

DAYS = ("18 Nov", "19 Nov", "20 Nov")


def parsed(figure: str) -> ET.Element:
    """Fails where the markup is not well-formed."""
    return ET.fromstring(figure)


def of_class(figure: str, name: str) -> list[ET.Element]:
    return [e for e in parsed(figure).iter() if name in e.get("class", "").split()]


def test_bars_are_as_high_as_their_values():
    figure = bars(DAYS, [Series("Tokens", (10, 20, 5))], title="Tokens", axis="Day")
    heights = [float(e.get("height")) for e in of_class(figure, "plot-fill")]
    assert heights[1] == pytest.approx(2 * heights[0])
    assert heights[0] == pytest.approx(2 * heights[2])


def test_stacked_bars_stand_on_each_other():
    figure = bars(DAYS[:1], [Series("in", (10,)), Series("out", (30,))], title="T", axis="Day")
    low, high = (e for e in of_class(figure, "plot-fill") if e.get("y"))
    assert float(high.get("y")) + float(high.get("height")) == pytest.approx(float(low.get("y")))


def test_a_line_is_broken_where_nothing_is_known():
    figure = line(("a", "b", "c", "d"), [Series("n", (1, 2, None, 3))], title="T", axis="Time")
    points = [e.get("points").split() for e in of_class(figure, "plot-line")]
    assert [len(own) for own in points] == [2, 2]
    assert points[1][0] == points[1][1]


def test_a_timeline_lays_the_segments_end_to_end():
    rows = [Row("first", (Segment("queued", 60), Segment("loading", 180)))]
    figure = timeline(rows, kinds=("queued", "loading"), title="Starts", axis="Start")
    queued, loading = (e for e in of_class(figure, "plot-fill") if e.get("x"))
    assert queued.get("x") == "0%"
    assert queued.get("width") == loading.get("x")


@pytest.mark.parametrize(
    "figure",
    [
        bars(DAYS, [Series("n", (1, None, 3))], title="T", axis="Day"),
        line(DAYS, [Series("n", (1, None, 3))], title="T", axis="Day"),
    ],
)
def test_every_number_stands_in_the_table_too(figure):
    cells = ["".join(e.itertext()) for e in parsed(figure).iter("td")]
    assert cells == ["1", "–", "3"]
    heads = ["".join(e.itertext()) for e in parsed(figure).iter("th")]
    assert heads == ["Day", "n", *DAYS]


def test_the_picture_has_a_name_for_who_cannot_see_it():
    figure = bars(DAYS, [Series("n", (1, 2, 3))], title="Tokens", axis="Day", about="Up")
    (svg,) = of_class(figure, "plot-picture")
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "Tokens. Up")


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x>', "{{ 7*7 }}", "&"])
def test_nothing_that_somebody_named_becomes_markup(evil):
    drawn = [
        bars([evil], [Series(evil, (1,)), Series("b", (2,))], title=evil, axis=evil, about=evil),
        line([evil], [Series(evil, (1,))], title=evil, axis=evil),
        timeline([Row(evil, (Segment(evil, 1),))], kinds=[evil], title=evil, axis=evil),
    ]
    for figure in drawn:
        assert evil == "&" or "<script" not in figure
        assert evil in "".join(parsed(figure).itertext())
        assert {e.tag for e in parsed(figure).iter()}.isdisjoint({"script", "img"})


def test_nothing_in_a_picture_is_styled_in_place_or_scripted():
    figure = line(DAYS, [Series("n", (1, 2, 3))], title="T", axis="Day")
    for element in parsed(figure).iter():
        assert not [key for key in element.attrib if key == "style" or key.startswith("on")]


@pytest.mark.parametrize("values", [(), (0,), (0.0, 0.0), (None,), (1e12,), (1e-9,)])
def test_a_picture_of_nothing_or_of_extremes_is_still_one(values):
    labels = [str(n) for n in range(len(values))]
    for draw in (bars, line):
        parsed(draw(labels, [Series("n", values)], title="T", axis="Day"))
    parsed(timeline([], kinds=["a"], title="T", axis="Start"))


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (50, [0, 10, 20, 30, 40, 50]),
    ],
)
def test_whole_things_are_counted_in_whole_steps(most, expected):
    assert plot.ticks(most, whole=True) == expected


@pytest.mark.parametrize("most", [0.003, 0.9, 1, 4, 7.3, 99, 100, 101, 12345, 9.99e8])
def test_the_scale_reaches_over_the_highest_value_and_not_far(most):
    steps = plot.ticks(most, whole=False)
    assert steps[-1] >= most * 0.999999
    assert 2 <= len(steps) <= 6
    assert steps[-2] < most


def test_times_are_told_in_steps_of_clocks():
    assert plot.time_ticks(200) == [0, 60, 120, 180, 240]
    assert plot.time_ticks(7 * 86400) == [0, 2 * 86400, 4 * 86400, 6 * 86400, 8 * 86400]


def test_a_phone_is_told_the_ends_and_the_middle_of_the_labels() -> None:
    shown = [[n for n in range(count) if not plot.only_where_wide(n, count)] for count in (1, 4, 5)]

    assert shown == [[0], [0, 3], [0, 2, 4]]


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 7, 24, 30, 61, 90])
def test_few_labels_stand_below_and_the_ends_are_among_them(count):
    told = plot.told_labels(count)
    assert len(told) <= plot.MOST_LABELS
    assert not count or (told[0], told[-1]) == (0, count - 1)
