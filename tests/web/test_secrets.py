"""The gateway's secrets: made once, whoever starts first; readable by the owner; apart by use."""

import base64
import json
import multiprocessing
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from web.secrets import FILE_NAME, Secrets, SecretsError, add_pepper


def write(data_dir: Path, content: object, mode: int = 0o600) -> None:
    path = data_dir / FILE_NAME
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)


def pepper(byte: bytes) -> str:
    return base64.b64encode(byte * 32).decode()


def test_the_file_is_made_on_first_use_for_its_owner_only(tmp_path: Path) -> None:
    data_dir = tmp_path / "var" / "kscope"
    previous = os.umask(0)
    try:
        secrets = Secrets(data_dir)
    finally:
        os.umask(previous)

    mode = stat.S_IMODE((data_dir / FILE_NAME).stat().st_mode)
    assert mode == 0o600
    assert secrets.current == 1
    assert os.listdir(data_dir) == [FILE_NAME]


def test_a_second_start_reads_what_the_first_made(tmp_path: Path) -> None:
    assert Secrets(tmp_path).digest("p", "v") == Secrets(tmp_path).digest("p", "v")


def test_two_installations_share_no_secret(tmp_path: Path) -> None:
    assert Secrets(tmp_path / "a").digest("p", "v") != Secrets(tmp_path / "b").digest("p", "v")


def _digest_in_a_new_process(data_dir: Path) -> str:
    return Secrets(data_dir).digest("purpose", "value")


def test_processes_that_start_at_once_end_up_with_the_same_secrets(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        for number in range(5):
            directories = [tmp_path / str(number)] * 4
            assert len(set(pool.map(_digest_in_a_new_process, directories))) == 1
            assert os.listdir(tmp_path / str(number)) == [FILE_NAME]


def test_a_file_made_between_the_look_and_the_link_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Secrets(tmp_path)
    monkeypatch.setattr(Path, "exists", lambda self: False)

    assert Secrets(tmp_path).digest("p", "v") == first.digest("p", "v")
    assert os.listdir(tmp_path) == [FILE_NAME]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_can_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    Secrets(tmp_path)
    (tmp_path / FILE_NAME).chmod(mode)

    with pytest.raises(SecretsError, match="chmod 600"):
        Secrets(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        [],
        {"current": 1},
        {"current": 1, "peppers": []},
        {"current": "x", "peppers": {"1": pepper(b"a")}},
        {"current": 1, "peppers": {"1": "###"}},
        {"current": 1, "peppers": {"1": base64.b64encode(b"short").decode()}},
        {"current": 2, "peppers": {"1": pepper(b"a")}},
        {"current": 1, "peppers": {"1": 5}},
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(tmp_path: Path, content: object) -> None:
    write(tmp_path, content)
    before = (tmp_path / FILE_NAME).read_text()

    with pytest.raises(SecretsError, match="backup"):
        Secrets(tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == before


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SecretsError, match="cannot be used"):
        Secrets(tmp_path / "file")


def test_purposes_and_uses_are_apart(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)
    hexed = base64.urlsafe_b64decode(secrets.derive("p", "v") + "=").hex()

    digests = {
        secrets.digest("p", "v"),
        secrets.digest("q", "v"),
        secrets.digest("pv", ""),
        secrets.digest('p", "v', ""),
        secrets.digest("p", "w"),
        hexed,
    }
    assert len(digests) == 6


def test_a_digest_is_hex_and_a_derived_secret_fits_a_header_and_a_url(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)

    assert len(bytes.fromhex(secrets.digest("p", "v"))) == 32
    assert len(secrets.derive("p", "v")) == 43
    assert secrets.derive("p", "v").replace("-", "").replace("_", "").isalnum()
    assert secrets.derive("p", "v") == secrets.derive("p", "v")


def test_an_older_pepper_is_still_known_after_a_change_without_a_restart(tmp_path: Path) -> None:
    write(tmp_path, {"current": 1, "peppers": {"1": pepper(b"a")}})
    running = Secrets(tmp_path)
    assert (running.current, running.versions) == (1, (1,))
    digest, token = running.digest("p", "v"), running.derive("p", "v")

    write(tmp_path, {"current": 2, "peppers": {"1": pepper(b"a"), "2": pepper(b"b")}})

    for secrets in (running, Secrets(tmp_path)):
        assert (secrets.current, secrets.versions) == (2, (2, 1))
        assert secrets.digest("p", "v") != digest
        assert secrets.digest("p", "v", 1) == digest
        assert secrets.derive("p", "v", 1) == token
        assert secrets.matches("p", "v", digest, 1)


def test_a_new_pepper_is_current_and_the_file_stays_its_owners(tmp_path: Path) -> None:
    running = Secrets(tmp_path)
    digest = running.digest("p", "v")

    assert [add_pepper(tmp_path), add_pepper(tmp_path)] == [2, 3]

    assert (running.current, set(running.versions)) == (3, {1, 2, 3})
    assert running.matches("p", "v", digest, 1)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert len(set(json.loads((tmp_path / FILE_NAME).read_text())["peppers"].values())) == 3


def test_peppers_added_at_once_are_all_kept(tmp_path: Path) -> None:
    Secrets(tmp_path)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=spawn) as pool:
        added = list(pool.map(add_pepper, [tmp_path] * 12))

    assert sorted(added) == list(range(2, 14))
    assert set(Secrets(tmp_path).versions) == set(range(1, 14))


def test_a_file_that_was_damaged_meanwhile_changes_nothing_and_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    running = Secrets(tmp_path)
    digest = running.digest("p", "v")
    good = (tmp_path / FILE_NAME).read_text()

    write(tmp_path, "{")
    assert [running.digest("p", "v") for _ in range(3)] == [digest] * 3
    assert len(caplog.records) == 1

    (tmp_path / FILE_NAME).unlink()
    assert running.digest("p", "v") == digest
    write(tmp_path, good)
    assert running.digest("p", "v") == digest


def test_matches_is_true_for_the_right_digest_only(tmp_path: Path) -> None:
    secrets = Secrets(tmp_path)
    right = secrets.digest("p", "v")

    assert secrets.matches("p", "v", right, 1)
    assert not secrets.matches("q", "v", right, 1)
    assert not secrets.matches("p", "w", right, 1)
    assert not secrets.matches("p", "v", "", 1)
    assert not secrets.matches("p", "v", "é\udcff", 1)
    assert not secrets.matches("p", "v", right, 2)


def test_any_text_can_be_digested(tmp_path: Path) -> None:
    assert Secrets(tmp_path).digest("p", "\udcff\0é")
