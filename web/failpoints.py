"""Named places where a test ends the process at once, as `kill -9` or a power cut would.

Only for `make crashloop`. KSCOPE_FAILPOINT_FILE names a file; whichever process reaches the place
whose name stands in it takes the file away and dies. What is started in its stead therefore lives,
and the next place can be named without a restart. `launch.submitted@3` means the third time that
any process passes there. Without the variable `reach` does nothing.
"""

import os
from functools import cache
from pathlib import Path

VARIABLE = "KSCOPE_FAILPOINT_FILE"
EXIT_CODE = 86

NAMES = (
    # In the fleet process, in the order of an instance's life.
    "look.listed",  # squeue has answered, nothing follows from it yet
    "launch.wanted",  # a launch is planned, no intent is written
    "launch.intended",  # the intent is written, nothing is submitted
    "launch.submitted",  # sbatch has named the job, nobody has written it down
    "launch.recorded",  # the job's id is written down
    "drain.planned",
    "drain.written",
    "stop.written",  # STOPPING is written, scancel not called
    "stop.cancelled",  # scancel has answered
    "end.planned",
    "end.written",
    # In a gateway process, which takes the workers' callbacks.
    "claim.received",  # the claim is granted, not committed
    "claim.written",  # committed, not answered
    "ready.written",
    "drain.answered",  # the worker was told to drain
    "ended.written",
)


class UnknownFailpoint(ValueError):
    """The file names a place that does not exist, or no number of times."""


def reach(name: str, *, when: bool = True) -> None:
    """End the process here if this failpoint is armed; `when` narrows the place further."""
    file = _arming_file()
    if file is not None and when and _is_due(name, file):
        os._exit(EXIT_CODE)


def arm(file: Path, name: str, times: int = 1) -> None:
    """Let the `times`-th process that reaches `name` die. Raises `UnknownFailpoint`."""
    text = f"{name}@{times}"
    _parse(text)
    # Replaced in one step: a process must never read half a name.
    draft = file.with_suffix(".new")
    draft.write_text(text)
    draft.replace(file)


@cache
def _arming_file() -> Path | None:
    path = os.environ.get(VARIABLE)
    return Path(path) if path else None


def _is_due(name: str, file: Path) -> bool:
    try:
        wanted, times = _parse(file.read_text())
        if wanted != name:
            return False
        if times == 1:
            file.unlink()
            return True
    except FileNotFoundError:
        return False
    arm(file, name, times - 1)
    return False


def _parse(text: str) -> tuple[str, int]:
    """`name` or `name@3`."""
    name, _, times = text.strip().partition("@")
    if name not in NAMES or not (times or "1").isdecimal() or int(times or 1) < 1:
        raise UnknownFailpoint(f"{VARIABLE}: {text!r} is no failpoint; there are {NAMES}")
    return name, int(times or 1)
