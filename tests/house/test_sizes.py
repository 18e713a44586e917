"""A module or a function over its bound is two: no rooms that nobody can see across."""

import ast
from collections.abc import Iterator

from tests.house.tree import python_files, syntax, text

CODE = ("web", "slurm", "bench")
MODULE_LINES = 300
FUNCTION_LINES = 45
TEST_FILE_LINES = 400
# A revision lists the columns of every table it makes, in one function and without a decision.
LISTS = "web/migrations/versions/"


def functions_of(module: ast.Module) -> Iterator[tuple[str, int]]:
    """(name, lines) of every function, decorators not counted."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            yield f"{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_modules_stay_within_their_bound() -> None:
    long = {name: len(text(name).splitlines()) for name in python_files(*CODE)}

    assert {name: lines for name, lines in long.items() if lines > MODULE_LINES} == {}


def test_functions_stay_within_their_bound() -> None:
    long = {
        f"{name}:{function}": lines
        for name in python_files(*CODE)
        if not name.startswith(LISTS)
        for function, lines in functions_of(syntax(name))
        if lines > FUNCTION_LINES
    }

    assert long == {}


def test_test_files_stay_within_their_bound() -> None:
    long = {name: len(text(name).splitlines()) for name in python_files("tests")}

    assert {name: lines for name, lines in long.items() if lines > TEST_FILE_LINES} == {}


def test_the_measure_counts_functions_within_classes_and_functions() -> None:
    module = ast.parse("class A:\n  def f(self):\n    async def g():\n      pass\n    return g\n")

    assert dict(functions_of(module)) == {"2 f": 4, "3 g": 2}
