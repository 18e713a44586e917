"""What the worker's text must be, wherever it is run: these checks need no old Python."""

import ast
import sys

import pytest

from tests.slurm.worker_job import WORKER

SOURCE = WORKER.read_text(encoding="utf-8")
# In the standard library since 3.6 or before, and still there.
KNOWN_TO_3_6 = sys.stdlib_module_names - {
    "contextvars",
    "dataclasses",
    "graphlib",
    "tomllib",
    "zoneinfo",
}


def test_its_syntax_is_known_to_python_3_6() -> None:
    ast.parse(SOURCE, feature_version=(3, 6))


@pytest.mark.parametrize("newer", ["if (n := 1): pass", "def f(a, /): pass", "f'{a=}'"])
def test_newer_syntax_would_be_noticed(newer: str) -> None:
    def is_new() -> bool:
        try:
            ast.parse(newer, feature_version=(3, 6))
        except SyntaxError:
            return True
        # f-strings are parsed apart: the equals sign leaves a trace only in the text.
        return "=}" in newer

    assert is_new()
    assert "=}" not in SOURCE


def test_it_imports_nothing_that_a_node_may_lack() -> None:
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(SOURCE))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert imported
    assert imported <= KNOWN_TO_3_6


def test_it_fits_into_a_here_document_in_any_locale() -> None:
    assert SOURCE.isascii()
    assert "\t" not in SOURCE
    assert not {"KSCOPE_WORKER", "KSCOPE_SPEC"} & set(SOURCE.splitlines())
