"""`kscope models list`: once, with instances, and live."""

import json
import sys
from datetime import timedelta

import pytest

from tests.web.commands.conftest import ago
from tests.web.fleet.worlds import ID
from web import terminal
from web.clock import utc_now
from web.database import StorageError
from web.fleet.states import EndReason, InstanceState, Load
from web.fleet.store import InstanceStore
from web.terminal import harmless, length, login_name, one_line

S = InstanceState


def interrupt():
    raise KeyboardInterrupt


@pytest.fixture
def queued(fleet):
    return fleet.add(
        S.PENDING,
        slurm_state="PENDING",
        slurm_reason="Priority",
        estimated_start=utc_now() + timedelta(hours=1),
    )


def test_the_table_tells_state_job_and_reason(fleet, queued):
    lines = fleet.run("models", "list").stdout.splitlines()

    assert lines[0].split() == ["MODEL", "STATE", "READY/WANTED", "JOB", "STARTS", "WHY"]
    assert lines[1].split()[:4] == ["m", "pending", "0/1", "7"]
    assert "priority" in lines[1].lower()
    assert lines[2].split()[:3] == ["other", "cold", "0/0"]


def test_json_is_what_the_api_says_and_how_many_are_wanted(fleet, queued):
    entries = json.loads(fleet.run("models", "list", "--json").stdout)

    assert [e["id"] for e in entries] == ["m", "other"]
    assert entries[0]["status"]["state"] == "pending"
    assert entries[0]["status"]["estimated_start"]
    assert [e["wanted_instances"] for e in entries] == [1, 0]
    assert "instances" not in entries[0]


def test_what_the_catalog_always_wants_counts_as_wanted(fleet):
    fleet.catalog.write_text("models: [{name: m, path: m, min_instances: 2, max_instances: 3}]")

    assert fleet.run("models", "list").stdout.splitlines()[1].split()[2] == "0/2"


def test_each_live_instance_has_a_line_of_its_own(fleet):
    fleet.add(
        S.READY,
        node="n1",
        walltime_end=utc_now() + timedelta(hours=3, seconds=30),
        load=Load(running=2, waiting=1),
        heartbeat_at=ago(4),
    )
    fleet.add(S.STOPPED, id="overoverov", end_reason=EndReason.IDLE)

    lines = fleet.run("models", "list", "-v").stdout.splitlines()
    entries = json.loads(fleet.run("models", "list", "-v", "--json").stdout)

    header, row = (line.split() for line in lines[-2:])
    assert header == [
        *("INSTANCE", "MODEL", "STATE", "JOB", "NODE", "AGE", "LEFT", "REQUESTS", "HEARTBEAT")
    ]
    assert row == [ID, "m", "ready", "7", "n1", "60s", "3h00m", "2+1", "4s", "ago"]
    (told,) = entries[0]["instances"]
    assert (told["id"], told["node"], told["running"], told["waiting"]) == (ID, "n1", 2, 1)
    assert entries[1]["instances"] == []


def test_a_failing_model_tells_the_error_without_what_came_before_it_or_its_colours(fleet):
    detail = "loading\n\x1b[31mValueError: no such file\x1b[0m\n\n"
    fleet.add(S.FAILED, end_reason=EndReason.CRASHED, detail=detail)

    row = fleet.run("models", "list").stdout.splitlines()[1]

    assert row.split()[1] == "failing"
    assert row.endswith("ValueError: no such file")
    assert "\x1b" not in row


def test_watching_in_a_pipe_prints_blocks_and_ends_quietly_with_ctrl_c(fleet, queued):
    fleet.steps = [lambda: fleet.change(slurm_reason="Resources"), interrupt]

    result = fleet.run("models", "list", "--watch", "--every", "7")

    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.count("MODEL") == 2
    assert "\x1b" not in result.stdout
    assert "higher priority" in result.stdout.split("MODEL")[1]
    assert "next in line" in result.stdout.split("MODEL")[2]
    assert fleet.pauses == [7, 7]


def test_watching_in_json_prints_a_line_per_look(fleet, queued):
    fleet.steps = [lambda: None, interrupt]

    lines = fleet.run("models", "list", "--watch", "--json").stdout.splitlines()

    assert [json.loads(line)[0]["id"] for line in lines if line] == ["m", "m"]


def test_watching_tells_that_no_fleet_process_acts(fleet):
    fleet.steps = [lambda: fleet.lock.release(utc_now()), interrupt]

    first, second = fleet.run("models", "list", "--watch").stdout.split("MODEL")[1:]

    assert "no fleet process" not in first
    assert "no fleet process" in second


def test_watching_outlives_a_wrong_catalog_and_tells_its_fault(fleet):
    fleet.steps = [lambda: fleet.catalog.write_text("models: 7"), interrupt]

    first, second = fleet.run("models", "list", "--watch").stdout.split("MODEL")[1:]

    assert "other" in second
    assert "not in use yet: models.yaml:1: models: must be a list of models" in second
    assert "not in use yet" not in first


def test_watching_outlives_an_outage_of_the_database(fleet, monkeypatch):
    def away(*_):
        raise StorageError("gone")

    def outage():
        monkeypatch.setattr(InstanceStore, "live", away)

    fleet.steps = [outage, interrupt]
    result = fleet.run("models", "list", "--watch")

    assert result.exit_code == 0
    assert "the database cannot be used: SQLAlchemyError" in result.stdout


def test_on_a_terminal_a_watch_repaints_in_place_and_wraps_nothing(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(terminal, "pause", lambda _: interrupt())
    monkeypatch.setenv("COLUMNS", "5")
    monkeypatch.setenv("LINES", "3")

    terminal.repeat(lambda: "1234567\nb\nc\nd", 1)

    assert capsys.readouterr().out == "\x1b[H12345\x1b[K\nb\x1b[K\n\x1b[J\n"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"MODELS_FILE": "/nowhere/models.yaml"}, "cannot be read"),
        ({"PROXY_PORT": "x"}, "PROXY_PORT: 'x' is not"),
        ({"DATABASE_URL": "postgresql://u:canary@127.0.0.1:1/k"}, "the database cannot be used"),
        ({"DATA_DIR": "/proc/nowhere"}, "/proc/nowhere"),
    ],
)
def test_what_stands_in_the_way_is_told_in_words(fleet, environ, words):
    result = fleet.run("models", "list", **environ)

    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count(words) == 1
    assert "canary" not in result.output


def test_lengths_of_time_have_at_most_two_units():
    told = {5: "5s", 119: "119s", 600: "10m", 3 * 3600 + 300: "3h05m", 50 * 3600: "2d2h", -3: "0s"}

    assert {seconds: length(seconds) for seconds in told} == told


def test_control_characters_never_reach_the_terminal():
    assert harmless("a\x1b[31mb\x1b[0m\x07\rc\r\nd\x9b2J\te") == "ab\nc\nd2J\te"
    assert one_line("first\n" + "x" * 400, limit=10) == "x" * 9 + "…"
    assert one_line("\n \n") == ""


def test_behind_sudo_the_caller_is_who_gives_an_order():
    assert login_name({"SUDO_USER": "ada"}) == "ada"
    assert login_name({}) != ""
