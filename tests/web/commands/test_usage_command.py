"""`kscope usage` as people and scripts run it."""

import csv
import io
import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from web.commands import usage as usage_command
from web.database import Database
from web.usage.lines import Batch, Line, LineKey
from web.usage.store import UsageStore

ROWS = (
    (LineKey(datetime(2026, 10, 31, 23, tzinfo=UTC), "a1", "big", "ada"), Line(1, 0, 0, 10)),
    (LineKey(datetime(2026, 11, 1, 0, tzinfo=UTC), "a1", "big", "ada"), Line(2, 0, 0, 20_000)),
    (LineKey(datetime(2026, 11, 2, 7, tzinfo=UTC), "b1", "small", "bob"), Line(4, 1, 0, 40)),
)


@pytest.fixture
def usage(terminal, monkeypatch):
    terminal.run("usage")  # makes the database
    database = Database(f"sqlite:///{terminal.data_dir}/kscope.db")
    UsageStore(database).add("w", Batch(1, ROWS), datetime(2026, 11, 3, tzinfo=UTC))
    database.close()
    monkeypatch.setattr(usage_command, "get_localzone", lambda: ZoneInfo("Europe/Berlin"))

    def run(*argv: str) -> str:
        result = terminal.run("usage", *argv)
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_users_and_models_are_told_with_a_total(usage):
    lines = [line.split()[:4] for line in usage("--utc", "--since", "2026-11-01").splitlines()]
    assert lines == [
        ["USER", "MODEL", "REQUESTS", "ERRORS"],
        ["ada", "big", "2", "0"],
        ["bob", "small", "4", "1"],
        ["total", "6", "1", "0"],
    ]
    assert "20,040" in usage("--utc", "--since", "2026-11-01")


def test_local_time_is_meant_unless_utc_is_asked_for(usage):
    local = json.loads(usage("--by", "month", "--json"))
    utc = json.loads(usage("--by", "month", "--json", "--utc"))
    assert [(e["month"], e["requests"]) for e in local["data"]] == [("2026-11", 7)]
    assert [(e["month"], e["requests"]) for e in utc["data"]] == [("2026-10", 1), ("2026-11", 6)]
    since = json.loads(usage("--since", "2026-11-01", "--by", "", "--json"))
    assert (since["since"], since["total"]["requests"]) == ("2026-10-31T23:00+00:00", 7)


@pytest.mark.parametrize(
    ("options", "requests"),
    [
        (("--user", "ada"), 3),
        (("--model", "small"), 4),
        (("--key", "a1", "--until", "2026-11-01"), 1),
        (("--since", "2026-11-02T07", "--until", "2026-11-02T08"), 4),
        (("--user", "nobody"), 0),
    ],
)
def test_it_can_be_narrowed(usage, options, requests):
    told = json.loads(usage("--utc", "--json", *options))
    assert told["total"]["requests"] == requests


def test_csv_is_for_spreadsheets(usage):
    rows = list(csv.DictReader(io.StringIO(usage("--csv", "--by", "key,model", "--utc"))))
    assert [(row["key"], row["model"], row["prompt_tokens"]) for row in rows] == [
        ("a1", "big", "20010"),
        ("b1", "small", "40"),
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--by", "week"), "usage is told by user, key, model, month, day, hour, not by 'week'"),
        (("--since", "soon"), "'soon' is no time: write it like 2026-11"),
        (("--since", "2026-11", "--until", "2026-10"), "the time ends before it begins"),
        (("--json", "--csv"), "--json or --csv, not both"),
    ],
)
def test_what_is_wrong_is_told_in_words(terminal, options, words):
    result = terminal.run("usage", *options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_nothing_used_is_told_as_nothing(terminal):
    assert terminal.json("usage")["data"] == []
    assert terminal.run("usage").stdout.splitlines()[-1].split()[:2] == ["total", "0"]
