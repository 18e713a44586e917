"""The committed files, for the house rules."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@cache
def committed() -> tuple[str, ...]:
    """Paths from the root of all files that git tracks and that are there."""
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    return tuple(name for name in listed if name and (ROOT / name).is_file())


def python_files(*folders: str) -> list[str]:
    """The committed Python files under these folders."""
    starts = tuple(f"{folder}/" for folder in folders)
    return [name for name in committed() if name.startswith(starts) and name.endswith(".py")]


@cache
def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8", errors="replace")


@cache
def syntax(name: str) -> ast.Module:
    return ast.parse(text(name), name)
