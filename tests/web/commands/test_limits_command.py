"""`kscope limits`."""

import json

import pytest

from tests.web.commands.conftest import Fleet


def listed(fleet: Fleet) -> list[dict[str, object]]:
    return json.loads(fleet.run("limits", "list", "--json").stdout)


def test_a_limit_that_was_set_is_listed(fleet):
    done = fleet.run(
        "limits", "set", "--user", "alice", "--requests-per-minute", "60", "--gpu-hours-per-day=1.5"
    )

    assert done.exit_code == 0
    assert done.stdout == "user alice: requests_per_minute 60, gpu_hours_per_day 1.5\n"
    (row,) = listed(fleet)
    assert (row["scope"], row["name"]) == ("user", "alice")
    assert (row["requests_per_minute"], row["gpu_hours_per_day"]) == (60, 1.5)
    assert row["tokens_per_minute"] is None
    assert fleet.run("limits", "list").stdout.splitlines()[1].split()[:3] == ["user", "alice", "60"]


def test_unlimited_and_none_are_words(fleet):
    fleet.run("limits", "set", "--everyone", "--parallel-requests", "5", "--tokens-per-day", "10")
    fleet.run(
        "limits", "set", "--everyone", "--parallel-requests=unlimited", "--tokens-per-day=none"
    )

    (row,) = listed(fleet)
    assert (row["parallel_requests"], row["tokens_per_day"]) == ("unlimited", None)


def test_a_key_is_named_by_its_id_and_never_kept_whole(fleet):
    key = fleet.run("keys", "create", "--user", "alice").stdout.strip()
    fleet.run("limits", "set", "--key", key, "--parallel-requests", "5")

    (row,) = listed(fleet)
    assert (row["scope"], row["name"]) == ("key", key[6:14])
    assert fleet.run("limits", "unset", "--key", key[6:14]).exit_code == 0
    assert listed(fleet) == []


def test_the_limits_of_a_key_that_does_not_exist_cannot_be_set(fleet):
    done = fleet.run("limits", "set", "--key", "nonesuch", "--parallel-requests", "5")

    assert done.exit_code == 1
    assert "there is no such key" in done.stderr


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["set", "--user", "a"], "name a limit"),
        (["set", "--parallel-requests", "5"], "name one of"),
        (["set", "--user", "a", "--model", "m", "--parallel-requests", "5"], "name one of"),
        (["set", "--user", "a", "--parallel-requests", "-5"], "is not a number"),
        (["set", "--user", "a", "--parallel-requests", "1.5"], "is not a number"),
        (["set", "--user", "a", "--gpu-hours-per-day", "nan"], "is not a number"),
        (["set", "--user", "a" * 256, "--parallel-requests", "5"], "at most 255"),
        (["unset", "--user", "a"], "no limits are set for user a"),
    ],
)
def test_what_makes_no_sense_is_told_and_changes_nothing(fleet, argv, told):
    done = fleet.run("limits", *argv)

    assert done.exit_code in (1, 2)
    assert told in done.stderr
    assert listed(fleet) == []


def test_without_limits_the_list_says_so_and_json_is_empty(fleet):
    done = fleet.run("limits", "list")

    assert (done.stdout, done.stderr) == ("", "no limits are set\n")
