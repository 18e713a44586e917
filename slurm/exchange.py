"""One command over one SSH channel: streams fed and drained at once, in bounded memory."""

import select
import threading
from collections.abc import Callable
from typing import Protocol

from slurm.errors import ClusterError, ShellError, ShellUnavailable
from slurm.shell import CHUNK_BYTES, Capture, Result

POLL_S = 0.05


class Channel(Protocol):
    """What is used of paramiko's Channel; nothing here waits for the other side."""

    @property
    def closed(self) -> bool: ...
    @property
    def eof_received(self) -> int: ...
    @property
    def eof_sent(self) -> int: ...
    @property
    def exit_status(self) -> int: ...
    @property
    def status_event(self) -> threading.Event: ...
    def exec_command(self, command: str) -> None: ...
    def exit_status_ready(self) -> bool: ...
    def fileno(self) -> int: ...
    def recv(self, nbytes: int) -> bytes: ...
    def recv_ready(self) -> bool: ...
    def recv_stderr(self, nbytes: int) -> bytes: ...
    def recv_stderr_ready(self) -> bool: ...
    def send(self, s: bytes) -> int: ...
    def send_ready(self) -> bool: ...
    def setblocking(self, blocking: bool) -> None: ...
    def shutdown_write(self) -> None: ...


class Exchange:
    """One command and its outcome, between the caller and the thread that serves it."""

    def __init__(self, command: str, program: str, stdin: bytes) -> None:
        self.done = threading.Event()
        self.hang_up: Callable[[], None] = lambda: None  # closes the connection it uses
        self._command, self._stdin = command, memoryview(stdin)
        self._capture = Capture(program)
        self._lock = threading.Lock()
        self._sent = self._abandoned = False
        self._outcome: Result | ClusterError = ShellError(f"{program} had no outcome")

    def abandon(self) -> bool:
        """The caller has left. Say whether the command may have been run; if not, it never will."""
        with self._lock:
            self._abandoned = True
            return self._sent

    def check_wanted(self) -> None:
        """Raise when nobody waits for this command any more."""
        if self._abandoned:
            raise ShellUnavailable("too late")

    def converse(self, channel: Channel) -> None:
        """Run the command, feeding and draining its streams at once."""
        with self._lock:
            self.check_wanted()
            self._sent = True
        channel.exec_command(self._command)
        channel.setblocking(False)
        while not self._is_over(channel):
            if not (self._read(channel) | self._write(channel)):
                self._wait(channel)
        if channel.exit_status < 0:
            raise ShellError("the command ended without an exit code: killed, or connection lost")
        self._outcome = self._capture.result(channel.exit_status)

    def _is_over(self, channel: Channel) -> bool:
        if channel.recv_ready() or channel.recv_stderr_ready():
            return False
        return channel.closed or (bool(channel.eof_received) and channel.exit_status_ready())

    def _read(self, channel: Channel) -> bool:
        moved = False
        if channel.recv_ready():
            self._capture.add("stdout", channel.recv(CHUNK_BYTES))
            moved = True
        if channel.recv_stderr_ready():
            self._capture.add("stderr", channel.recv_stderr(CHUNK_BYTES))
            moved = True
        return moved

    def _write(self, channel: Channel) -> bool:
        if channel.eof_sent or channel.closed:
            return False
        if not self._stdin:
            channel.shutdown_write()
            return True
        if not channel.send_ready():
            return False
        self._stdin = self._stdin[channel.send(self._stdin[:CHUNK_BYTES].tobytes()) :]
        return True

    def _wait(self, channel: Channel) -> None:
        # After its end of file the channel's descriptor is readable for ever.
        if channel.eof_received:
            channel.status_event.wait(POLL_S)
        else:
            # Polled as well: nothing tells when there is room to write.
            select.select([channel.fileno()], [], [], POLL_S)

    def fail(self, error: ClusterError) -> None:
        """Note what went wrong."""
        self._outcome = error

    def outcome(self) -> Result:
        """The result, or raise the error."""
        if isinstance(self._outcome, ClusterError):
            raise self._outcome
        return self._outcome
