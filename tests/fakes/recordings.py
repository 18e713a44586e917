"""Real commands and what they answered, kept in tests/recordings/slurm-<version>/*.json.

A recording is a list of {"argv", "exit_code", "stdout", "stderr"}, in the order of the calls.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from slurm.shell import Result, Shell

FOLDER = Path(__file__).parents[1] / "recordings" / "slurm-22.05"

Entry = tuple[list[str], Result]


def load(name: str) -> list[Entry]:
    """All entries of one recording."""
    rows = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return [(row["argv"], Result(row["exit_code"], row["stdout"], row["stderr"])) for row in rows]


def save(name: str, entries: Sequence[Entry]) -> None:
    """Write a recording; an answer that only repeats the one before is left out."""
    rows: list[dict[str, object]] = []
    for argv, result in entries:
        row = {
            "argv": argv,
            "exit_code": result.exit_code,
            "stdout": result.stdout,
            "stderr": result.stderr,
        }
        if not rows or rows[-1] != row:
            rows.append(row)
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def only(name: str) -> Result:
    """The one answer of a recording of one command."""
    [(_, result)] = load(name)
    return result


class RecordingShell:
    """Passes commands on to a real Shell and keeps what happened."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.entries: list[Entry] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        result = self._shell.run(argv, stdin=stdin, deadline_s=deadline_s)
        self.entries.append((list(argv), result))
        return result

    def close(self) -> None:
        self._shell.close()


class ReplayShell:
    """Answers as recorded, in the recorded order; a command asked again late hears the last answer.

    A command that was never recorded in these very words is an AssertionError: what we say to
    Slurm has changed, so record again.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)
        self._position = 0
        self.commands: list[list[str]] = []
        self.scripts: list[str] = []

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        self.commands.append(list(argv))
        if stdin:
            self.scripts.append(stdin)
        numbers = [n for n, (recorded, _) in enumerate(self._entries) if recorded == list(argv)]
        if not numbers:
            raise AssertionError(f"never recorded: {list(argv)}")
        number = next((n for n in numbers if n >= self._position), numbers[-1])
        self._position = max(self._position, number + 1)
        return self._entries[number][1]

    def close(self) -> None:
        pass
