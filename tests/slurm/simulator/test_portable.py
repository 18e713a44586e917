"""The simulator runs wherever there is a Python 3.9, with nothing installed."""

import ast
import sys
from pathlib import Path

import pytest

import slurm.simulator

FILES = sorted(Path(slurm.simulator.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_syntax_and_imports(path: Path) -> None:
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= {"slurm", *sys.stdlib_module_names}
