"""`kscope models logs`, on the local cluster's files."""

import json

import pytest

from slurm.errors import LogUnavailable
from tests.web.commands.conftest import ago
from tests.web.fleet.worlds import ID
from web.clock import utc_now
from web.fleet import process
from web.fleet.changes import moved
from web.fleet.states import EndReason, InstanceState

S = InstanceState


@pytest.fixture
def ready(fleet):
    fleet.log("engine starts\nengine is up\n")
    return fleet.add(S.READY, cluster="local")


def end(fleet):
    fleet.change(end_reason=EndReason.CRASHED)
    fleet.store.change(ID, lambda i: moved(i, S.FAILED, utc_now()))


@pytest.mark.parametrize("word", ["m", "em", ID])
def test_a_log_is_shown_by_model_alias_or_instance(fleet, ready, word):
    result = fleet.run("models", "logs", word)

    assert result.exit_code == 0
    assert result.stdout == "engine starts\nengine is up\n"


def test_a_name_means_the_newest_instance_also_one_that_has_just_failed(fleet, ready):
    fleet.add(S.FAILED, id="failed0000", end_reason=EndReason.CRASHED, created_at=ago(1))
    fleet.log("ValueError\n", "failed0000")

    assert fleet.run("models", "logs", "m").stdout == "ValueError\n"


def test_only_the_end_of_a_log_is_shown_when_so_asked(fleet, ready):
    assert fleet.run("models", "logs", "m", "--bytes", "3").stdout == "up\n"


def test_a_log_in_json_says_whose_it_is(fleet, ready):
    told = json.loads(fleet.run("models", "logs", "m", "--json").stdout)

    assert told["text"] == "engine starts\nengine is up\n"
    assert (told["instance_id"], told["model"], told["job_id"]) == (ID, "m", "7")


def test_what_a_log_holds_cannot_command_the_terminal(fleet, ready):
    fleet.log("\x1b]0;title\x07\x1b[2Jred\n")
    assert "\x1b" not in fleet.run("models", "logs", "m").stdout


def test_following_shows_only_what_is_new_until_the_instance_is_over(fleet, ready):
    def last_words():
        fleet.log("killed\n")
        end(fleet)

    fleet.steps = [lambda: fleet.log("a request\n"), lambda: None, last_words]

    result = fleet.run("models", "logs", "m", "--follow")

    assert result.exit_code == 0
    assert result.stdout == ("engine starts\nengine is up\na request\nkilled\n")
    assert result.stderr == f"instance {ID} is over: failed, crashed\n"
    assert fleet.pauses == [2.0] * 3


def test_following_begins_with_as_much_as_asked_for(fleet, ready):
    fleet.steps = [lambda: fleet.log("more\n"), lambda: end(fleet)]

    assert fleet.run("models", "logs", "m", "-f", "--bytes", "3").stdout == "up\nmore\n"


def test_following_tells_a_log_that_began_anew(fleet, ready):
    fleet.steps = [lambda: fleet.log("second run\n", mode="w"), lambda: end(fleet)]

    result = fleet.run("models", "logs", "m", "--follow")

    assert result.stdout.endswith("engine is up\nsecond run\n")
    assert "began anew" in result.stderr


def test_following_waits_for_a_job_that_has_not_started(fleet):
    fleet.add(S.PENDING, cluster="local")
    fleet.steps = [lambda: None, lambda: fleet.log("hello\n"), lambda: end(fleet)]

    result = fleet.run("models", "logs", "m", "--follow", "--json")

    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == ["hello\n"]
    assert result.stderr.count("no log yet: job 7 of m has not started") == 1


def test_ctrl_c_ends_following_quietly(fleet, ready):
    def interrupt():
        raise KeyboardInterrupt

    fleet.steps = [interrupt]
    result = fleet.run("models", "logs", "m", "--follow")

    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"state": S.PENDING, "cluster": "local"}, "no log yet: job 7 of m has not started"),
        ({"state": S.READY, "cluster": "local"}, f"no log of instance {ID}"),
        ({"state": S.READY, "cluster": "login1"}, "ran on login1, the settings name local"),
    ],
)
def test_a_log_that_is_not_there_is_told_in_words(fleet, changes, words):
    fleet.add(**changes)

    result = fleet.run("models", "logs", "m")

    assert result.exit_code == 1
    assert words in result.stderr


def test_a_model_without_any_instance_has_no_log(fleet):
    result = fleet.run("models", "logs", "other")
    assert result.exit_code == 1
    assert "other has had no instance yet" in result.stderr


def test_an_unknown_name_is_refused_with_near_ones(fleet):
    result = fleet.run("models", "logs", "othr")
    assert result.exit_code == 2
    assert "did you mean other?" in result.stderr


def test_a_login_node_that_is_away_is_told_in_words(fleet, tmp_path):
    (tmp_path / "known_hosts").write_text("")
    fleet.add(S.READY, cluster="127.0.0.1")

    result = fleet.run(
        *("models", "logs", "m"),
        SSH_HOST="127.0.0.1",
        SSH_PORT="1",
        SSH_USERNAME="llm",
        SSH_KNOWN_HOSTS_FILE=str(tmp_path / "known_hosts"),
    )

    assert result.exit_code == 1
    assert f"no log of instance {ID}: cannot connect to 127.0.0.1:1" in result.stderr


def test_the_connection_to_the_cluster_is_closed_whatever_happens(fleet, ready, monkeypatch):
    class Away:
        name = "local"
        closed = False

        def read_log(self, instance_id, max_bytes):
            raise LogUnavailable("the login node sleeps")

        def close(self):
            self.closed = True

    away = Away()
    monkeypatch.setattr(process, "open_cluster", lambda settings: away)

    result = fleet.run("models", "logs", "m")

    assert result.stderr == f"Error: no log of instance {ID}: the login node sleeps\n"
    assert away.closed
