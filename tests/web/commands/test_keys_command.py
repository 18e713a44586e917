"""`kscope keys`, as a person or a script sees it."""

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.web.commands.terminal import Terminal
from web import commands
from web.identity.keys import has_valid_form, key_id


def life_of(record: dict[str, str]) -> timedelta:
    return until(record, record["expires_at"])


def until(record: dict[str, str], at: str) -> timedelta:
    """From when the key was made, to the second."""
    made = datetime.fromisoformat(record["created_at"])
    return timedelta(seconds=round((datetime.fromisoformat(at) - made).total_seconds()))


def test_create_prints_the_key_alone_on_stdout(terminal: Terminal) -> None:
    result = terminal.run("keys", "create", "--user", "ada", "--name", "laptop")

    assert result.exit_code == 0
    assert result.stdout.count("\n") == 1
    assert has_valid_form(result.stdout.strip())
    assert "of ada" in result.stderr
    assert result.stdout.strip() not in result.stderr


def test_a_key_lives_as_long_as_asked_or_as_configured(terminal: Terminal) -> None:
    first = terminal.run("keys", "create", "--user", "a", "--days", "1", "--json")
    second = terminal.run("keys", "create", "--user", "a", "--json", API_KEY_TTL_DAYS="2")

    lives = []
    for result in (first, second):
        record = json.loads(result.stdout)
        assert has_valid_form(record["key"])
        expires, created = record["expires_at"], record["created_at"]
        lives.append(datetime.fromisoformat(expires) - datetime.fromisoformat(created))
    assert lives == [timedelta(days=1), timedelta(days=2)]


def test_models_are_kept_by_their_public_names(terminal: Terminal) -> None:
    terminal.key("--models", "big, small")

    assert terminal.listed()[0]["models"] == ["org/big", "small"]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--models", "bgi"], "no model is called 'bgi'; there are: org/big, small"),
        (["--models", ","], "names no model"),
        (["--days", "0"], "lives from 1 to 3650 days"),
        (["--days", "x"], "not a valid integer"),
        (["--days", "91"], "a person's key lives at most 90 days (API_KEY_TTL_DAYS)"),
        (["--days", "3651", "--service"], "lives from 1 to 3650 days"),
        (["--name", "a\nb"], "printable"),
    ],
)
def test_a_wrong_option_makes_no_key_and_says_why(
    terminal: Terminal, argv: list[str], words: str
) -> None:
    result = terminal.run("keys", "create", "--user", "ada", *argv)

    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""
    assert terminal.listed() == []


def test_a_user_is_required(terminal: Terminal) -> None:
    assert terminal.run("keys", "create").exit_code == 2


def test_list_shows_every_key_and_its_state_but_never_the_key(terminal: Terminal) -> None:
    good, bad = terminal.key("--name", "good"), terminal.key("--name", "bad")
    terminal.run("keys", "create", "--user", "bob")
    terminal.run("keys", "revoke", key_id(bad))

    result = terminal.run("keys", "list")
    rows = [line.split() for line in result.stdout.splitlines()]

    assert rows[0][:4] == ["ID", "USER", "NAME", "STATE"]
    assert [row[1:4] for row in rows[1:]] == [
        ["ada", "good", "active"],
        ["ada", "bad", "revoked"],
        ["bob", "-", "active"],
    ]
    assert good not in result.stdout
    assert [record["user"] for record in terminal.listed("--user", "bob")] == ["bob"]


def test_an_expired_key_is_listed_as_expired(terminal: Terminal) -> None:
    terminal.key()
    connection = sqlite3.connect(terminal.data_dir / "kscope.db")
    with connection:
        connection.execute("UPDATE api_keys SET expires_at = '2020-01-01 00:00:00.000000'")
    connection.close()

    assert terminal.listed()[0]["state"] == "expired"


def test_a_key_is_revoked_by_its_id_or_by_itself(terminal: Terminal) -> None:
    first, second = terminal.key(), terminal.key()

    by_id = terminal.run("keys", "revoke", key_id(first))
    by_itself = terminal.run("keys", "revoke", second, "--json")

    assert by_id.stdout == f"revoked: key {key_id(first)} of ada\n"
    assert json.loads(by_itself.stdout)["state"] == "revoked"
    assert [record["state"] for record in terminal.listed()] == ["revoked", "revoked"]


def test_revoking_what_is_not_there_fails_and_repeats_no_secret(terminal: Terminal) -> None:
    key = terminal.key()
    broken = key[:-1]

    assert terminal.run("keys", "revoke", "no-such").exit_code == 1
    result = terminal.run("keys", "revoke", broken)
    assert result.exit_code == 1
    assert broken not in result.output
    assert terminal.listed()[0]["state"] == "active"


def test_wrong_settings_are_told_in_words(terminal: Terminal) -> None:
    result = terminal.run("keys", "list", PROXY_PORT="x", LOG_LEVEL="loud")

    assert result.exit_code == 1
    assert "PROXY_PORT: 'x' is not" in result.stderr
    assert "LOG_LEVEL: 'loud' is not" in result.stderr


def test_a_services_key_may_outlive_a_persons(terminal: Terminal) -> None:
    terminal.key("--service", "--days", "400")

    (record,) = terminal.listed()
    assert record["is_service"] is True
    assert life_of(record) == timedelta(days=400)
    assert "service" in terminal.run("keys", "list").stdout


def test_a_disabled_user_gets_no_key_and_theirs_are_shown_as_void(terminal: Terminal) -> None:
    terminal.key()
    terminal.run("users", "disable", "ada")

    refused = terminal.run("keys", "create", "--user", "ada")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "the user 'ada' is disabled" in refused.stderr
    (record,) = terminal.listed()
    assert (record["state"], record["owner_disabled"]) == ("owner disabled", True)


def test_rotating_prints_a_successor_and_lets_the_old_key_end(terminal: Terminal) -> None:
    old = terminal.key("--name", "laptop", "--models", "small", "--days", "30")

    result = terminal.run("keys", "rotate", key_id(old), "--overlap", "2h")

    assert result.exit_code == 0, result.output
    assert has_valid_form(result.stdout.strip())
    assert old not in result.output
    first, second = terminal.listed()
    assert (second["id"], second["name"]) == (key_id(result.stdout.strip()), "laptop")
    assert (second["user"], second["models"]) == (first["user"], first["models"])
    assert life_of(second) == timedelta(days=30)
    assert until(second, first["expires_at"]) == timedelta(hours=2)
    assert first["state"] == second["state"] == "active"


def test_rotating_with_no_overlap_ends_the_old_key_at_once(terminal: Terminal) -> None:
    old = terminal.key()

    result = terminal.run("keys", "rotate", old, "--overlap", "0", "--json")

    made = json.loads(result.stdout)
    assert (made["state"], made["replaces"]["id"]) == ("active", key_id(old))
    assert [each["state"] for each in terminal.listed()] == ["expired", "active"]


def test_a_persons_key_is_not_rotated_into_a_longer_life(terminal: Terminal) -> None:
    old = terminal.key()
    rotate = ("keys", "rotate", key_id(old))

    assert terminal.run(*rotate, "--days", "91").exit_code == 2
    shorter = terminal.run(*rotate, "--json", API_KEY_TTL_DAYS="7")
    assert life_of(json.loads(shorter.stdout)) == timedelta(days=7)


@pytest.mark.parametrize("overlap", ["", "x", "-1h", "1e9", "9999d"])
def test_an_overlap_that_is_none_changes_nothing(terminal: Terminal, overlap: str) -> None:
    old = terminal.key()
    before = terminal.listed()

    result = terminal.run("keys", "rotate", key_id(old), "--overlap", overlap)

    assert result.exit_code == 2
    assert terminal.listed() == before


def test_rotating_what_is_over_or_not_there_fails_and_repeats_no_secret(
    terminal: Terminal,
) -> None:
    revoked = terminal.key()
    terminal.run("keys", "revoke", revoked)

    for wanted in (revoked, "no-such", revoked[:-1]):
        result = terminal.run("keys", "rotate", wanted)
        assert (result.exit_code, result.stdout) == (1, "")
        assert revoked[:-1] not in result.output


def test_a_new_pepper_voids_no_key(terminal: Terminal) -> None:
    terminal.key()

    result = terminal.run("keys", "rotate-pepper", "--json")
    terminal.key()

    assert json.loads(result.stdout) == {"current": 2, "keys_by_version": {"1": 1}}
    assert [each["pepper_version"] for each in terminal.listed()] == [1, 2]
    assert (terminal.data_dir / "secrets.json").stat().st_mode & 0o077 == 0
    assert "pepper 3 is current" in terminal.run("keys", "rotate-pepper").stdout


def test_a_database_that_is_away_is_told_in_words(terminal: Terminal) -> None:
    result = terminal.run("keys", "list", DATABASE_URL="postgresql://u:canary@127.0.0.1:1/k")

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the database cannot be used: ")
    assert "canary" not in result.output


def test_readable_secrets_are_told_in_words(terminal: Terminal) -> None:
    terminal.key()
    (terminal.data_dir / "secrets.json").chmod(0o644)

    result = terminal.run("keys", "list")

    assert result.exit_code == 1
    assert "chmod 600" in result.stderr


def test_help_names_every_command_and_an_unknown_one_is_refused(terminal: Terminal) -> None:
    folder = Path(commands.__file__).parent
    modules = {path.stem for path in folder.glob("[a-z]*.py")}
    names = modules | {path.parent.name for path in folder.glob("*/__init__.py")}
    shown = terminal.run("--help").stdout

    assert {"keys", "models"} <= names
    assert all(f"\n  {name} " in shown for name in names)
    assert terminal.run("nonsense").exit_code == 2
    assert terminal.run("__init__").exit_code == 2
