"""`kscope users`, as an administrator or a script sees it."""

import os
import pty
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway_process import REPOSITORY
from tests.web.commands.terminal import Terminal
from web.identity.passwords import is_password

PASSWORD = "canary horse battery"


def kept_hash(terminal: Terminal, name: str = "ada") -> str | None:
    connection = sqlite3.connect(terminal.data_dir / "kscope.db")
    try:
        query = "SELECT password_hash FROM users WHERE name = ?"
        (found,) = connection.execute(query, (name,)).fetchone()
    finally:
        connection.close()
    return found


def test_the_first_administrator_is_made_here(terminal: Terminal) -> None:
    made = terminal.json("users", "create", "ada", "--admin", "--groups", "ml, physics")

    assert (made["name"], made["source"], made["is_admin"]) == ("ada", "cli", True)
    assert made["groups"] == ["ml", "physics"]
    assert terminal.json("users", "show", "ada") == made
    assert terminal.json("users", "list") == [made]


def test_a_password_is_read_from_stdin_and_kept_as_a_hash(terminal: Terminal) -> None:
    made = terminal.run("users", "create", "ada", "--password", stdin=f"{PASSWORD}\nmore\n")

    assert made.stdout == "made: user ada\n"
    kept = kept_hash(terminal)
    assert kept is not None
    assert is_password(kept, PASSWORD)
    shown = terminal.run("users", "show", "ada").output + terminal.run("users", "list").output
    assert "local" in shown
    assert PASSWORD not in made.output + shown + kept
    assert kept not in shown


def test_a_password_is_typed_twice_and_never_echoed(terminal: Terminal) -> None:
    """On a real terminal, in a real process."""
    ours, theirs = pty.openpty()
    environ = {"DATA_DIR": str(terminal.data_dir), "PATH": os.environ["PATH"]}
    argv = [sys.executable, "-m", "web.cli", "users", "create", "ada", "--password"]
    process = subprocess.Popen(
        argv, cwd=REPOSITORY, env=environ, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = _type_when_asked(ours, [PASSWORD, PASSWORD])
    assert process.wait(30) == 0, shown
    os.close(ours)

    assert "made: user ada" in shown
    assert PASSWORD not in shown
    kept = kept_hash(terminal)
    assert kept is not None
    assert is_password(kept, PASSWORD)


def _type_when_asked(terminal: int, answers: list[str]) -> str:
    """All that the terminal shows, until its program ends."""
    shown, asked = "", 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # EIO: nobody is at the other end any more
            return shown
        shown += piece.decode()
        # The blank behind the colon comes when the echo is off.
        if asked < len(answers) and shown.endswith(": ") and shown.count(": ") > asked:
            os.write(terminal, answers[asked].encode() + b"\n")
            asked += 1


@pytest.mark.parametrize("typed", ["", "\n", "short\n", "nul\x00nul\x00nul\n", "x" * 5000])
def test_what_is_no_password_is_refused_without_repeating_it(
    terminal: Terminal, typed: str
) -> None:
    terminal.run("users", "create", "ada")

    result = terminal.run("users", "password", "ada", stdin=typed)

    assert result.exit_code == 1
    assert "a password has" in result.stderr
    assert "x" * 100 not in result.output
    assert kept_hash(terminal) is None


def test_no_option_takes_a_password(terminal: Terminal) -> None:
    assert terminal.run("users", "create", "ada", f"--password={PASSWORD}").exit_code == 2
    assert terminal.run("users", "password", "ada", PASSWORD).exit_code == 2
    assert terminal.json("users", "list") == []


def test_a_password_is_set_and_removed(terminal: Terminal) -> None:
    terminal.run("users", "create", "ada")

    changed = terminal.json("users", "password", "ada", stdin=PASSWORD)
    assert changed["source"] == "local"
    assert terminal.json("users", "password", "ada", "--remove")["source"] == "cli"
    assert kept_hash(terminal) is None


def test_disabling_tells_who_did_it_and_enabling_takes_it_back(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "root-of-all")
    terminal.key()

    disabled = terminal.json("users", "disable", "ada")
    assert (disabled["state"], disabled["disabled_by"]) == ("disabled", "cli:root-of-all")
    assert terminal.listed()[0]["state"] == "owner disabled"

    enabled = terminal.json("users", "enable", "ada")
    assert (enabled["state"], enabled["disabled_by"]) == ("active", None)
    assert terminal.listed()[0]["state"] == "active"


def test_groups_are_set_as_a_whole_and_cleared_only_when_said_so(terminal: Terminal) -> None:
    terminal.run("users", "create", "ada", "--groups", "old")

    assert terminal.json("users", "groups", "ada", "a", "b")["groups"] == ["a", "b"]
    assert terminal.run("users", "groups", "ada").exit_code == 2
    assert terminal.run("users", "groups", "ada", "a", "--none").exit_code == 2
    assert terminal.json("users", "show", "ada")["groups"] == ["a", "b"]
    assert terminal.json("users", "groups", "ada", "--none")["groups"] == []


def test_an_administrator_is_made_and_unmade(terminal: Terminal) -> None:
    terminal.run("users", "create", "ada")

    assert terminal.json("users", "admin", "ada")["is_admin"] is True
    assert terminal.json("users", "admin", "ada", "--off")["is_admin"] is False


@pytest.mark.parametrize(
    "argv",
    [
        ("show", "ada"),
        ("groups", "ada", "x"),
        ("admin", "ada"),
        ("disable", "ada"),
        ("enable", "ada"),
        ("password", "ada", "--remove"),
    ],
)
def test_a_user_that_does_not_exist_is_told_in_words(
    terminal: Terminal, argv: tuple[str, ...]
) -> None:
    result = terminal.run("users", *argv)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "there is no user 'ada'" in result.stderr


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["ada"], 1, "there is a user 'ada' already"),
        (["ADA"], 1, "upper and lower case only"),
        ([""], 2, "not empty"),
        (["a\nb"], 2, "printable"),
        (["bob", "--groups", "a\x1bb"], 2, "the name of a group"),
    ],
)
def test_a_name_that_cannot_be_made_is_refused_in_words(
    terminal: Terminal, argv: list[str], code: int, words: str
) -> None:
    terminal.run("users", "create", "ada")

    result = terminal.run("users", "create", *argv)

    assert result.exit_code == code
    assert words in result.stderr
    assert len(terminal.json("users", "list")) == 1


def test_the_list_is_a_table_for_people(terminal: Terminal, tmp_path: Path) -> None:
    terminal.run("users", "create", "bob", "--groups", "ml,physics")
    terminal.run("users", "create", "ada", "--admin")
    terminal.run("users", "disable", "bob")

    rows = [line.split() for line in terminal.run("users", "list").stdout.splitlines()]

    assert rows == [
        ["NAME", "SOURCE", "STATE", "ADMIN", "LAST", "LOGIN", "GROUPS"],
        ["ada", "cli", "active", "yes", "never", "-"],
        ["bob", "cli", "disabled", "no", "never", "ml,physics"],
    ]
