"""Heavy or tempting libraries are imported only where the architecture puts them.

import-linter holds the layers; this holds single files, which its contracts cannot name.
"""

import ast
from collections.abc import Iterator
from pathlib import PurePath

from tests.house.tree import python_files, syntax

STORAGE = (
    "web/database.py",
    "web/*/store.py",
    "web/*/*_store.py",
    "web/*/models.py",
    "web/migrations/**",
)
LAWS = {
    "paramiko": ("slurm/ssh.py",),
    "apscheduler": ("web/fleet/ticker.py",),
    "sqlalchemy": STORAGE,
    "alembic": STORAGE,
    "ldap3": ("web/identity/directory/ldap_wire.py",),
    "passlib": ("web/identity/directory/htpasswd.py",),
    "flask": ("web/app.py", "web/*/routes.py", "web/portal/**"),
}


def imported(module: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, top-level package) of every import, wherever in the module it stands."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.partition(".")[0]


def allows(patterns: tuple[str, ...], name: str) -> bool:
    """`*` stands for one folder, `/**` at the end for all that is below."""
    return any(
        name.startswith(pattern.removesuffix("**"))
        if pattern.endswith("/**")
        else PurePath(name).match(pattern) and name.count("/") == pattern.count("/")
        for pattern in patterns
    )


def test_each_library_is_imported_only_where_the_laws_say() -> None:
    broken = [
        f"{name}:{line} imports {package}"
        for name in python_files("web", "slurm")
        for line, package in imported(syntax(name))
        if package in LAWS and not allows(LAWS[package], name)
    ]

    assert broken == []


def test_each_law_is_about_a_library_that_is_used() -> None:
    used = {
        package for name in python_files("web", "slurm") for _, package in imported(syntax(name))
    }

    assert set(LAWS) - used == set()


def test_imports_within_functions_count_and_relative_ones_do_not() -> None:
    module = ast.parse("import a.b, c\ndef f():\n  from d.e import g\nfrom . import h\n")

    assert list(imported(module)) == [(1, "a"), (1, "c"), (3, "d")]


def test_the_patterns_mean_what_they_say() -> None:
    assert allows(STORAGE, "web/fleet/store.py")
    assert allows(STORAGE, "web/fleet/order_store.py")
    assert not allows(STORAGE, "web/fleet/restore.py")
    assert allows(STORAGE, "web/migrations/versions/0001_x.py")
    assert not allows(STORAGE, "web/store.py")
    assert not allows(STORAGE, "web/fleet/deep/store.py")
    assert not allows(STORAGE, "slurm/store.py")
    assert not allows(LAWS["paramiko"], "slurm/ssh_tools.py")
