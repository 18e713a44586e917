"""One report in three forms: for people, for spreadsheets, for programs."""

import csv
import io
import json
from datetime import UTC, datetime

import msgspec

from web.usage.lines import Line, Sums
from web.usage.periods import By
from web.usage.rendering import as_csv, as_table
from web.usage.report import Share, report

ALICE = Sums(("alice", "big"), Line(1200, 3, 2, 1_234_567, 890, 45_678, 901, 600.0))
BOB = Sums(("bob", "big"), Line(0, 0, 0, 0, 0, 0, 0, 0.0))
SINCE = datetime(2026, 11, 1, tzinfo=UTC)
BY = (By.USER, By.MODEL)
TABLE = """\
USER   MODEL  REQUESTS  ERRORS  ABORTED     PROMPT  CACHED  COMPLETION  ESTIMATED  LATENCY
alice  big       1,200       3        2  1,234,567     890      45,678        901   0.50 s
bob    big           0       0        0          0       0           0          0        -
total            1,200       3        2  1,234,567     890      45,678        901   0.50 s
"""


def told(*sums, by=BY, shares=None, currency=None):
    return report(by, SINCE, None, sums, shares, currency)


def test_people_get_a_table_with_a_total():
    assert list(as_table(told(BOB, ALICE))) == TABLE.splitlines()


def test_without_anything_to_tell_it_by_there_is_the_sum_alone():
    lines = list(as_table(told(Sums((), ALICE.line), by=())))
    assert [line.split()[0] for line in lines] == ["REQUESTS", "1,200"]


def test_usage_of_which_nobody_knows_whose_it_was_says_so():
    lines = list(as_table(told(Sums(("",), ALICE.line), by=(By.USER,))))
    assert lines[1].startswith("(not known)  ")


def test_programs_get_every_number_as_it_is():
    text = json.loads(msgspec.json.encode(told(ALICE)))
    assert text["by"] == ["user", "model"]
    assert (text["since"], text["until"]) == ("2026-11-01T00:00+00:00", None)
    numbers = {
        "requests": 1200,
        "errors": 3,
        "aborted": 2,
        "prompt_tokens": 1_234_567,
        "cached_tokens": 890,
        "completion_tokens": 45_678,
        "estimated_tokens": 901,
        "average_latency_s": 0.5,
    }
    assert text["data"] == [{"user": "alice", "model": "big", **numbers}]
    assert text["total"] == numbers


def test_spreadsheets_get_plain_numbers_and_no_total():
    rows = list(csv.DictReader(io.StringIO(as_csv(told(ALICE, BOB)))))
    assert [row["user"] for row in rows] == ["alice", "bob"]
    assert rows[0]["prompt_tokens"] == "1234567"
    assert rows[1]["average_latency_s"] == ""


def test_no_name_is_a_formula_to_a_spreadsheet():
    names = ["=1+1", "+x", "-x", "@x", "plain"]
    text = as_csv(told(*(Sums((name,), Line()) for name in names), by=(By.USER,)))
    shown = [row["user"] for row in csv.DictReader(io.StringIO(text))]
    assert sorted(shown) == ["'+x", "'-x", "'=1+1", "'@x", "plain"]


def test_gpu_hours_and_cost_stand_beside_the_tokens_where_they_are_known():
    shares = {("alice", "big"): Share(12.5, 30.0), ("-", "big"): Share(3.25, 7.5)}
    with_shares = told(ALICE, BOB, shares=shares, currency="EUR")
    text = json.loads(msgspec.json.encode(with_shares))
    assert [(e["user"], e["gpu_hours"], e.get("cost")) for e in text["data"]] == [
        ("-", 3.25, 7.5),
        ("alice", 12.5, 30.0),
        ("bob", 0.0, 0.0),
    ]
    assert text["currency"] == "EUR"
    assert (text["total"]["gpu_hours"], text["total"]["cost"]) == (15.75, 37.5)
    assert list(as_table(with_shares))[-1].split()[-3:-1] == ["15.75", "37.50"]
    assert " COST EUR" in next(as_table(with_shares))
    assert as_csv(with_shares).splitlines()[0].endswith(",gpu_hours,cost,cost_per_million_tokens")


def test_without_a_price_there_is_no_cost():
    text = as_csv(told(ALICE, shares={("alice", "big"): Share(1.0)}))
    assert text.splitlines()[0].endswith(",average_latency_s,gpu_hours")
