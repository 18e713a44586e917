"""Every command that README and documents name exists."""

import re
from collections.abc import Iterator

import click

from tests.house.tree import ROOT, committed, text
from web.cli import main

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
KSCOPE = re.compile(r"\bkscope ([a-z][a-z|-]*)(?: ([a-z][a-z|-]*))?")


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def missing_from(code: str) -> Iterator[str]:
    """The commands in a piece of code that do not exist."""
    targets = make_targets()
    yield from (f"make {name}" for name in MAKE.findall(code) if name not in targets)
    for first, second in KSCOPE.findall(code):
        for name in first.split("|"):
            found = main.get_command(click.Context(main), name)  # type: ignore[attr-defined]
            if found is None:
                yield f"kscope {name}"
            elif isinstance(found, click.Group) and second:
                known = found.commands
                yield from (f"kscope {name} {s}" for s in second.split("|") if s not in known)


def test_every_command_in_the_documents_exists() -> None:
    missing = {
        f"{name}: {command}"
        for name in committed()
        if name.endswith(".md")
        for code in CODE.findall(text(name))
        for command in missing_from(code)
    }

    assert missing == set()


def test_the_makefile_calls_only_commands_that_exist() -> None:
    assert list(missing_from(re.sub(r"\$\(\w+\)/", "", (ROOT / "Makefile").read_text()))) == []


def test_a_command_that_does_not_exist_would_be_noticed() -> None:
    document = (
        "Make sure. `make nothing`\n```\nkscope nothing\nkscope keys list|nothing --user u\n```"
    )
    missing = [command for code in CODE.findall(document) for command in missing_from(code)]

    assert missing == ["make nothing", "kscope nothing", "kscope keys nothing"]
