"""What no committed file may say, and what no code may leave behind."""

import ast
import re

from tests.house.tree import ROOT, committed, python_files, syntax, text

# Put together here, so that this file does not name them either.
REGISTRIES = [
    f"{host}.{domain}"
    for host, domain in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("pypi.python", "org"),
        ("registry.npmjs", "org"),
        ("conda.anaconda", "org"),
        ("proxy.golang", "org"),
        ("download.pytorch", "org"),
    )
]
DOWNLOAD_OPTIONS = re.compile(r"--(extra-)?index-" + r"url|--find-" + r"links|-trusted-" + r"host")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|NotImplemented(Error)?\b")
# Where writing to stdout is the purpose.
PRINTS = ("web/demo.py", "slurm/worker.py", "slurm/simulator/", "bench/")


def lines_with(pattern: re.Pattern[str], names: list[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in names
        for number, line in enumerate(text(name).splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_committed_file_names_a_place_to_download_packages_from() -> None:
    hosts = re.compile("|".join(map(re.escape, REGISTRIES)))

    assert lines_with(hosts, list(committed())) == []
    assert lines_with(DOWNLOAD_OPTIONS, list(committed())) == []


def test_no_committed_file_names_the_place_of_a_checkout() -> None:
    assert len(ROOT.parts) > 1, "a checkout at / cannot be told from any other path"
    place = re.compile(re.escape(str(ROOT)) + r"(?![\w-])")

    assert lines_with(place, list(committed())) == []


def test_no_code_is_marked_as_unfinished() -> None:
    assert lines_with(UNFINISHED, python_files("web", "slurm", "bench")) == []


def test_no_code_prints_but_what_is_there_to_print() -> None:
    prints = [
        f"{name}:{node.lineno}"
        for name in python_files("web", "slurm", "bench")
        if not name.startswith(PRINTS)
        for node in ast.walk(syntax(name))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]

    assert prints == []


def test_the_patterns_find_what_they_are_for() -> None:
    assert UNFINISHED.search("# TO" + "DO: later")
    assert UNFINISHED.search("raise NotImplemented" + "Error")
    assert not UNFINISHED.search("mastodon")
    assert DOWNLOAD_OPTIONS.search("pip install --extra-index-" + "url x")
    assert not DOWNLOAD_OPTIONS.search("uv pip compile --no-emit-index-url")
