"""Users of an htpasswd file, as Apache's own program writes it."""

import os
import subprocess
from pathlib import Path

import pytest
from passlib.hash import apr_md5_crypt, bcrypt, sha256_crypt, sha512_crypt

from tests.parts import need
from web.identity.directory import Denial, DirectoryUnavailable, Vouched
from web.identity.directory.htpasswd import HtpasswdDirectory

FAST = bcrypt.using(rounds=4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "htpasswd"


def directory(file: Path, *lines: str) -> HtpasswdDirectory:
    file.write_text("\n".join(lines) + "\n")
    file.chmod(0o640)
    return HtpasswdDirectory(file)


@pytest.mark.parametrize(
    "hash_",
    [
        FAST.hash("right"),
        FAST.hash("right").replace("$2b$", "$2y$"),
        sha512_crypt.using(rounds=1000).hash("right"),
        sha256_crypt.using(rounds=1000).hash("right"),
        apr_md5_crypt.hash("right"),
    ],
    # Not their salts: a test has the same name every time.
    ids=["bcrypt 2b", "bcrypt 2y", "sha512", "sha256", "apr1"],
)
def test_each_good_kind_of_hash_is_understood(file: Path, hash_: str) -> None:
    there = directory(file, "# users", "", f"Alice:{hash_}:of no meaning")

    assert there.check("alice", "right") == Vouched("alice")
    assert there.check("ALICE", "right") == Vouched("alice")
    assert there.check("alice", "wrong") is Denial.WRONG_PASSWORD
    assert there.check("alice", "") is Denial.WRONG_PASSWORD
    assert there.check("nobody", "right") is Denial.UNKNOWN


@pytest.mark.parametrize(
    "kept", ["right", "{PLAIN}right", "{SHA}" + "K7d4nN3ZKXFtXJmnlVEFsSGnhFk=", "rl.3StKT.4T8M",
             "", "$2y$05$cut", "$6$", "$5$rounds=1000$x", "$apr1$"]
)  # fmt: skip
def test_what_can_be_undone_or_is_damaged_vouches_for_nobody(file: Path, kept: str) -> None:
    there = directory(file, f"alice:{kept}")

    assert there.check("alice", "right") is Denial.WRONG_PASSWORD
    assert there.check("alice", kept or "x") is Denial.WRONG_PASSWORD


def test_weak_passwords_are_told_of_without_the_password(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = directory(file, "alice:canary")
    there.check("alice", "canary")

    assert "alice" in caplog.text
    assert "canary" not in caplog.text


def test_a_locked_line_is_a_disabled_user(file: Path) -> None:
    there = directory(file, f"alice:!{FAST.hash('right')}")

    assert there.check("alice", "right") is Denial.DISABLED
    assert list(there.lookup_each(["alice"])) == [("alice", Denial.DISABLED)]


def test_two_lines_for_names_that_look_alike_vouch_for_neither(file: Path) -> None:
    there = directory(file, f"alice:{FAST.hash('one')}", f"ＡLICE:{FAST.hash('two')}")

    assert there.check("alice", "one") is Denial.AMBIGUOUS
    assert there.check("alice", "two") is Denial.AMBIGUOUS


def test_the_file_is_read_anew_when_it_has_changed(file: Path) -> None:
    there = directory(file, f"alice:{FAST.hash('old')}")
    assert there.check("alice", "old") == Vouched("alice")

    draft = file.with_suffix(".new")
    draft.write_text(f"alice:{FAST.hash('new')}\nbob:{FAST.hash('b')}\n")
    draft.chmod(0o640)
    draft.replace(file)

    assert there.check("alice", "old") is Denial.WRONG_PASSWORD
    assert there.check("alice", "new") == Vouched("alice")
    assert list(there.lookup_each(["alice", "bob", "carol"])) == [
        ("alice", Vouched("alice")), ("bob", Vouched("bob")), ("carol", Denial.UNKNOWN),
    ]  # fmt: skip


@pytest.mark.parametrize("fault", ["gone", "empty", "writable by all", "unreadable"])
def test_a_file_that_cannot_be_gone_by_says_nothing_of_anybody(file: Path, fault: str) -> None:
    there = directory(file, f"alice:{FAST.hash('right')}")
    there.check("alice", "right")
    if fault == "gone":
        file.unlink()
    if fault == "empty":
        file.write_text("# nothing yet\n")
    if fault == "writable by all":
        file.chmod(0o666)
    if fault == "unreadable":
        file.unlink()
        file.mkdir()

    with pytest.raises(DirectoryUnavailable):
        there.check("alice", "right")
    with pytest.raises(DirectoryUnavailable):
        list(there.lookup_each(["alice"]))


def test_what_apaches_own_program_writes_is_understood(file: Path) -> None:
    htpasswd = need("htpasswd", "apache2-utils")
    for name, option in (("bea", "-B"), ("ann", "-m"), ("sam", "-5"), ("sue", "-2")):
        more = [] if os.path.exists(file) else ["-c"]
        subprocess.run(
            [str(htpasswd), "-i", option, *more, str(file), name],
            input=b"pass of " + name.encode(), check=True, capture_output=True,
        )  # fmt: skip
    there = HtpasswdDirectory(file)

    for name in ("bea", "ann", "sam", "sue"):
        assert there.check(name, f"pass of {name}") == Vouched(name)
        assert there.check(name, "pass of bob") is Denial.WRONG_PASSWORD


def test_a_password_beyond_what_bcrypt_looks_at_is_refused_not_cut(file: Path) -> None:
    there = directory(file, f"alice:{FAST.hash('p' * 72)}")

    assert there.check("alice", "p" * 72) == Vouched("alice")
    assert there.check("alice", "p" * 73) is Denial.WRONG_PASSWORD
