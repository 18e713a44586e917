"""Failpoints do nothing unless armed, end the process at once when armed, and do so once."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT, python_files, syntax
from web.failpoints import EXIT_CODE, NAMES, VARIABLE, UnknownFailpoint, arm

PROGRAM = """\
import atexit, sys
from web.failpoints import reach
atexit.register(print, "cleaned up")
for name in sys.argv[1:]:
    print(name, flush=True)
    reach(name)
reach("end.written", when=False)
"""


def pass_by(file: Path | None, *names: str) -> tuple[int, list[str]]:
    """Exit code and lines of a process that reaches these failpoints one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *names],
        cwd=ROOT,
        env={} if file is None else {VARIABLE: str(file)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


def reached(module: ast.Module) -> Iterator[str]:
    """The failpoints that a module reaches, by a call or by a call yet to be made."""
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            words = [w.id if isinstance(w, ast.Name) else w for w in (node.func, *node.args)]
            if "reach" in words[:2]:
                name = node.args[words.index("reach")]
                assert isinstance(name, ast.Constant), f"line {node.lineno}: no literal name"
                yield str(name.value)


def test_each_failpoint_is_reached_from_exactly_one_place():
    places = Counter(name for file in python_files("web") for name in reached(syntax(file)))

    assert places == dict.fromkeys(NAMES, 1)


def test_the_search_for_places_sees_calls_and_calls_to_come():
    module = ast.parse("reach('a')\npartial(reach, 'b', when=x)\nother('c')\nf(g, h)")

    assert list(reached(module)) == ["a", "b"]


def test_without_the_variable_or_the_file_nothing_happens(tmp_path: Path):
    passed = (0, ["end.planned", "cleaned up"])

    assert pass_by(None, "end.planned") == passed
    assert pass_by(tmp_path / "armed", "end.planned") == passed


def test_an_armed_failpoint_ends_the_process_without_any_cleaning_up(tmp_path: Path):
    arm(tmp_path / "armed", "launch.submitted")

    died = pass_by(tmp_path / "armed", "launch.intended", "launch.submitted", "launch.recorded")

    assert died == (EXIT_CODE, ["launch.intended", "launch.submitted"])


def test_whoever_comes_after_the_dead_lives(tmp_path: Path):
    arm(tmp_path / "armed", "drain.written")

    codes = [pass_by(tmp_path / "armed", "drain.written")[0] for _ in range(2)]

    assert codes == [EXIT_CODE, 0]


def test_the_third_time_is_counted_over_the_lives_of_processes(tmp_path: Path):
    arm(tmp_path / "armed", "look.listed", times=3)

    first = pass_by(tmp_path / "armed", "look.listed", "look.listed")
    second = pass_by(tmp_path / "armed", "look.listed", "look.listed")

    assert first == (0, ["look.listed", "look.listed", "cleaned up"])
    assert second == (EXIT_CODE, ["look.listed"])


def test_a_place_that_its_condition_excludes_is_not_reached(tmp_path: Path):
    arm(tmp_path / "armed", "end.written")

    assert pass_by(tmp_path / "armed") == (0, ["cleaned up"])


@pytest.mark.parametrize("text", ["launch.submited", "look.listed@0", "look.listed@x", ""])
def test_a_file_that_names_no_failpoint_is_an_error_and_not_silence(tmp_path: Path, text: str):
    (tmp_path / "armed").write_text(text)

    assert pass_by(tmp_path / "armed", "end.written")[0] == 1


def test_a_name_that_does_not_exist_cannot_be_armed(tmp_path: Path):
    with pytest.raises(UnknownFailpoint):
        arm(tmp_path / "armed", "launch.submited")
