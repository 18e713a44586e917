"""`kscope audit`, and what the other commands leave in it."""

import csv
import io
import json
import socket

from web.audit.store import AuditLog
from web.database import Database


def audited(terminal, *argv):
    return [(e["action"], e["subject"]) for e in terminal.json("audit", *argv)]


def test_each_command_on_keys_leaves_its_entry(terminal):
    key = terminal.json("keys", "create", "--user", "ada", "--name", "lab")
    new = terminal.json("keys", "rotate", key["id"])
    terminal.run("keys", "revoke", new["id"])
    terminal.run("keys", "rotate-pepper")

    assert audited(terminal, "--action", "key") == [
        ("key.revoke", new["id"]),
        ("key.rotate", key["id"]),
        ("key.create", key["id"]),
    ]
    assert audited(terminal, "--action", "secrets") == [("secrets.rotate_pepper", "pepper 2")]
    created = terminal.json("audit", "--subject", key["id"])[-1]
    assert (created["detail"]["user"], created["detail"]["name"]) == ("ada", "lab")
    assert created["origin"] == socket.gethostname()


def test_each_command_on_users_leaves_its_entry(terminal):
    terminal.run("users", "create", "ada", "--admin", "--groups", "b,a")
    for argv in (
        ("groups", "ada", "physics"),
        ("admin", "ada", "--off"),
        ("disable", "ada"),
        ("enable", "ada"),
    ):
        assert terminal.run("users", *argv).exit_code == 0
    terminal.run("users", "password", "ada", stdin="correct horse battery\n")

    found = terminal.json("audit", "--subject", "ada")
    assert [entry["action"] for entry in reversed(found)] == [
        "user.create", "user.groups", "user.admin", "user.disable", "user.enable", "user.password"
    ]  # fmt: skip
    assert found[-1]["detail"] == {"is_admin": True, "groups": ["a", "b"], "password": False}
    assert "correct horse" not in json.dumps(found)


def test_a_command_that_fails_leaves_nothing(terminal):
    assert terminal.run("users", "disable", "nobody").exit_code != 0
    assert terminal.run("keys", "revoke", "aaaaaaaa").exit_code != 0
    assert audited(terminal) == []


def test_limits_leave_what_they_were_set_to(terminal):
    terminal.run("limits", "set", "--user", "ada", "--requests-per-minute", "unlimited",
                 "--parallel-requests", "3")  # fmt: skip
    terminal.run("limits", "unset", "--user", "ada")

    unset, set_ = terminal.json("audit", "--action", "limits")
    assert (set_["subject"], set_["detail"]) == (
        "user:ada", {"requests_per_minute": "unlimited", "parallel_requests": 3}
    )  # fmt: skip
    assert (unset["action"], unset["subject"]) == ("limits.unset", "user:ada")


def test_who_did_it_is_whoever_called_sudo(terminal):
    terminal.run("users", "create", "ada", SUDO_USER="grace")
    assert audited(terminal, "--actor", "cli:grace") == [("user.create", "ada")]


def test_a_launch_and_a_stop_leave_their_entries(fleet):
    fleet.run("models", "launch", "em")
    fleet.run("models", "stop", "m", "--no-wait", "--yes")

    lines = fleet.run("audit").stdout.splitlines()
    assert [line.split()[5:7] for line in lines[1:]] == [["order.stop", "m"], ["model.launch", "m"]]


def test_csv_has_no_formula_in_it_whoever_chose_the_words(terminal):
    terminal.run("keys", "list")
    database = Database(f"sqlite:///{terminal.data_dir}/kscope.db")
    now = database.clock()()
    AuditLog(database).record("=cmd|' /C calc'!A0", "@1.2.3.4", "login.failed", '+1,"2"', {}, now)
    database.close()

    (row,) = csv.DictReader(io.StringIO(terminal.run("audit", "--csv").stdout))

    assert row["WHO"] == "'=cmd|' /C calc'!A0"
    assert row["FROM"] == "'@1.2.3.4"
    assert row["TO"] == '\'+1,"2"'


def test_times_are_read_and_nonsense_is_refused(terminal):
    terminal.run("users", "create", "ada")
    assert audited(terminal, "--since", "1h") == [("user.create", "ada")]
    assert audited(terminal, "--until", "2020-01") == []
    refused = terminal.run("audit", "--since", "yesterday-ish")
    assert refused.exit_code == 2
    assert "is no time" in refused.stderr


def test_a_page_says_how_to_get_the_next_one(terminal):
    for name in ("a", "b", "c"):
        terminal.run("users", "create", name)

    page = terminal.run("audit", "--limit", "2")

    assert "--before 2" in page.stderr
    assert audited(terminal, "--before", "2") == [("user.create", "a")]
