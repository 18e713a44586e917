"""Where commands run: the one seam under SlurmCluster, faked in tests by replaying recordings."""

import os
import pwd
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from slurm.errors import CommandTimeout, OutputTooLarge, ShellUnavailable

MAX_OUTPUT_BYTES = 32 << 20  # of both streams together; a listing of 100,000 jobs has some 12 MB
CHUNK_BYTES = 64 << 10
# All that a command inherits. A gateway's environment holds secrets, and sbatch exports its own.
INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SLURM_CONF")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Result:
    """What a command that ran to its end has to say. Output is UTF-8, wrong bytes replaced."""

    exit_code: int  # negative: killed by that signal
    stdout: str
    stderr: str


class Shell(Protocol):
    """Runs commands, each with a hard deadline. Safe to call from several threads."""

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        """Run `argv` to its end, whatever its exit code.

        Raises ShellUnavailable (nothing was run), CommandTimeout, OutputTooLarge or ShellError (it
        may have run).
        """
        ...

    def close(self) -> None:
        """Let go of connections. Commands that still run are cut off."""
        ...


class Capture:
    """The two output streams of one command, in bounded memory."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._parts: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self._room = MAX_OUTPUT_BYTES

    def add(self, stream: str, data: bytes) -> None:
        """Keep `data`. Raises OutputTooLarge."""
        self._room -= len(data)
        if self._room < 0:
            raise OutputTooLarge(f"{self._what} printed more than {MAX_OUTPUT_BYTES >> 20} MiB")
        self._parts[stream].append(data)

    def result(self, exit_code: int) -> Result:
        """Everything, as text."""
        out, err = (b"".join(self._parts[name]).decode(errors="replace") for name in self._parts)
        return Result(exit_code, out, err)


class LocalShell:
    """Runs commands on this machine, in the user's home, with a clean environment."""

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        """See Shell. At the deadline the command's whole process group is killed."""
        environment = clean_environment()
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                # Like a command over SSH: relative names, such as the log folder's, are the user's.
                cwd=environment["HOME"],
                start_new_session=True,
            )
        except OSError as error:
            raise ShellUnavailable(f"{argv[0]} cannot be started here: {error}") from error
        with process:
            try:
                return _converse(process, argv[0], stdin.encode(), deadline_s)
            except BaseException:
                # Not waited for yet, so its pid cannot have become another group's.
                os.killpg(process.pid, signal.SIGKILL)
                raise

    def close(self) -> None:
        """Nothing is kept open."""


def clean_environment() -> dict[str, str]:
    """The environment of a fresh login, reduced to what Slurm's commands need."""
    user = pwd.getpwuid(os.getuid())
    login = {"HOME": user.pw_dir, "USER": user.pw_name, "LOGNAME": user.pw_name}
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    # sbatch carries PATH into the job, where the gateway's own Python has no business.
    own = os.path.join(sys.prefix, "bin") if sys.prefix != sys.base_prefix else None
    path = [entry for entry in kept.get("PATH", SYSTEM_PATH).split(":") if entry != own]
    return {**kept, **login, "PATH": ":".join(path), "SHELL": "/bin/sh"}


def _converse(
    process: subprocess.Popen[bytes], program: str, stdin: bytes, deadline_s: float
) -> Result:
    """Feed and drain all three streams at once, until the process has ended."""
    capture, to_write = Capture(program), memoryview(stdin)
    ends_at = time.monotonic() + deadline_s
    ended = os.pidfd_open(process.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(ended, selectors.EVENT_READ, "ended")
            _register(selector, process.stdin, selectors.EVENT_WRITE, "stdin")
            _register(selector, process.stdout, selectors.EVENT_READ, "stdout")
            _register(selector, process.stderr, selectors.EVENT_READ, "stderr")
            names: set[str] = set()
            # A child left in the background may hold the pipes open: once the process itself has
            # ended, what is already in the pipes is all there will be.
            while names != {"ended"}:
                left_s = ends_at - time.monotonic()
                ready = selector.select(left_s) if left_s > 0 else []
                if not ready:
                    raise CommandTimeout(f"{program} did not end within {deadline_s:g} s")
                names = {key.data for key, _ in ready}
                for key, _ in ready:
                    to_write = _step(selector, key, capture, to_write)
                names.discard("stdin")
    finally:
        os.close(ended)
    return capture.result(process.wait())


def _register(
    selector: selectors.BaseSelector, stream: IO[bytes] | None, event: int, name: str
) -> None:
    if stream is None:  # all three are pipes
        raise AssertionError
    os.set_blocking(stream.fileno(), False)
    selector.register(stream, event, name)


def _step(
    selector: selectors.BaseSelector,
    key: selectors.SelectorKey,
    capture: Capture,
    to_write: memoryview,
) -> memoryview:
    """Move one piece of one stream; return what is left to write."""
    if key.data == "stdin":
        try:
            to_write = (
                to_write[os.write(key.fd, to_write[:CHUNK_BYTES]) :] if to_write else to_write
            )
        except BrokenPipeError:  # it does not want the rest
            to_write = to_write[:0]
        if not to_write:
            selector.unregister(key.fileobj)
            key.fileobj.close()  # type: ignore[union-attr]  # a pipe of ours
    elif key.data != "ended":
        data = os.read(key.fd, CHUNK_BYTES)
        if data:
            capture.add(key.data, data)
        else:
            selector.unregister(key.fileobj)
    return to_write
