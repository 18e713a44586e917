"""SSHShell: commands on a login node, over one kept connection. The only importer of paramiko.

Several of paramiko's waits know no time-out (exec's answer, the exit status, name resolution), so
each command runs in a thread of its own, and at the deadline the caller leaves and the connection
is closed under that thread, which ends it.
"""

import contextlib
import functools
import math
import random
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import paramiko

from slurm.backoff import Backoff
from slurm.errors import (
    ClusterError,
    CommandTimeout,
    HostKeyRejected,
    ShellError,
    ShellUnavailable,
)
from slurm.exchange import Exchange
from slurm.shell import Result

CONNECT_PATIENCE_S = 10.0  # for each of: TCP, banner, authentication, opening a channel
KEEPALIVE_S = 30
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
# What paramiko raises when the other side goes away: EOFError, socket errors and its own.
BROKEN = (paramiko.SSHException, EOFError, OSError)


class SSHShell:
    """Runs commands as `username` on `host`, with a key, and only if the host's key is known.

    `key_file` None: the user's default keys. `known_hosts_file` None: the user's and the system's.
    Never an agent, never a password.
    """

    def __init__(
        self,
        host: str,
        port: int = 22,
        username: str | None = None,
        key_file: Path | None = None,
        known_hosts_file: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._host, self._port, self._username = host, port, username
        self._key_file, self._known_hosts_file = key_file, known_hosts_file
        self._clock, self._chance = clock, chance
        self._backoff, self._last_error = Backoff(), ShellUnavailable("not tried yet")
        self._client: paramiko.SSHClient | None = None
        self._connecting = threading.Lock()

    def run(self, argv: Sequence[str], *, stdin: str = "", deadline_s: float = 30.0) -> Result:
        """See Shell. While backing off it fails at once and says when the next try is."""
        exchange = Exchange(shlex.join(argv), argv[0], stdin.encode())
        thread = threading.Thread(target=self._serve, args=(exchange,), name="ssh", daemon=True)
        thread.start()
        if exchange.done.wait(deadline_s):
            return exchange.outcome()
        was_sent = exchange.abandon()
        if not was_sent:
            raise ShellUnavailable(f"{self._place} did not let us in within {deadline_s:g} s")
        error = CommandTimeout(f"{argv[0]} on {self._place} did not end within {deadline_s:g} s")
        self._note_failure(ShellUnavailable(str(error)))
        # Its session would count against MaxSessions for as long as the command hangs.
        exchange.hang_up()
        raise error

    @property
    def _place(self) -> str:
        return f"{self._host}:{self._port}"

    def _serve(self, exchange: Exchange) -> None:
        try:
            with self._channel(exchange) as channel:
                exchange.converse(channel)
            self._backoff.succeeded()
        except ClusterError as error:
            exchange.fail(error)
        except Exception as error:  # the caller must tell, not a dying thread
            exchange.fail(ShellError(f"the connection to {self._place} broke: {error!r}"))
        finally:
            exchange.done.set()

    @contextlib.contextmanager
    def _channel(self, exchange: Exchange) -> Iterator[paramiko.Channel]:
        """A channel on the kept connection, or on a new one if that has died meanwhile."""
        channel = None
        while channel is None:
            client, is_new = self._connection(exchange)
            exchange.hang_up = functools.partial(self._retire, client)
            try:
                transport = client.get_transport()
                if transport is None:
                    raise EOFError  # closed by another thread
                channel = transport.open_session(timeout=CONNECT_PATIENCE_S)
            except BROKEN as error:
                self._retire(client)
                if is_new:
                    raise self._note_failure(
                        ShellUnavailable(f"{self._place} opens no session: {error!r}")
                    ) from error
        with channel:
            yield channel

    def _connection(self, exchange: Exchange) -> tuple[paramiko.SSHClient, bool]:
        with self._connecting:
            exchange.check_wanted()
            transport = self._client and self._client.get_transport()
            if self._client and transport and transport.is_active():
                return self._client, False
            wait_s = self._backoff.wait_s(self._clock())
            if wait_s > 0:
                words = f"{self._last_error}; next try in {math.ceil(wait_s)} s"
                raise type(self._last_error)(words)
            self._client = self._connect()
            return self._client, True

    def _connect(self) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        try:
            self._load_known_hosts(client)
            client.set_missing_host_key_policy(_Reject(self._place, self._advice))
            client.connect(
                self._host,
                self._port,
                self._username,
                pkey=paramiko.PKey.from_path(self._key_file) if self._key_file else None,
                look_for_keys=self._key_file is None,
                allow_agent=False,
                timeout=CONNECT_PATIENCE_S,
                banner_timeout=CONNECT_PATIENCE_S,
                auth_timeout=CONNECT_PATIENCE_S,
                channel_timeout=CONNECT_PATIENCE_S,
            )
            transport = client.get_transport()
            if transport is not None:
                transport.set_keepalive(KEEPALIVE_S)
        except Exception as error:
            client.close()
            raise self._note_failure(self._in_words(error)) from error
        return client

    def _load_known_hosts(self, client: paramiko.SSHClient) -> None:
        # Read at each connection, so that a corrected file helps at once.
        if self._known_hosts_file is not None:
            try:
                client.load_system_host_keys(str(self._known_hosts_file))
            except OSError as error:
                raise HostKeyRejected(f"no known host keys: {error}. {self._advice}") from error
            return
        if SYSTEM_KNOWN_HOSTS.exists():
            client.load_system_host_keys(str(SYSTEM_KNOWN_HOSTS))
        client.load_system_host_keys()

    @property
    def _advice(self) -> str:
        file = self._known_hosts_file or Path("~/.ssh/known_hosts")
        return (
            f"Compare `ssh-keyscan -p {self._port} {self._host}` with the fingerprint that the"
            f" cluster's administrators publish, and only then put the key into {file}"
        )

    def _in_words(self, error: Exception) -> ShellUnavailable:
        login = f"{self._username or 'this user'} on {self._place}"
        match error:
            case ShellUnavailable():
                return error
            case paramiko.BadHostKeyException():
                key = f"{error.key.get_name()} {error.key.fingerprint}"
                return HostKeyRejected(
                    f"the host key of {self._place} has changed (now {key}): it was reinstalled, or"
                    f" somebody is listening in. {self._advice}"
                )
            case paramiko.PasswordRequiredException():
                return ShellUnavailable(f"the key file {self._key_file} is locked by a passphrase")
            case paramiko.AuthenticationException():
                return ShellUnavailable(f"the key of {login} was not accepted: {error}")
            case _:
                return ShellUnavailable(f"cannot connect to {self._place}: {error or repr(error)}")

    def _note_failure(self, error: ShellUnavailable) -> ShellUnavailable:
        self._last_error = error
        self._backoff.failed(self._clock(), self._chance())
        return error

    def _retire(self, client: paramiko.SSHClient) -> None:
        if self._client is client:
            self._client = None
        client.close()

    def close(self) -> None:
        """Close the connection; the next command would open another."""
        if self._client is not None:
            self._retire(self._client)


class _Reject(paramiko.MissingHostKeyPolicy):
    """RejectPolicy, saying what to do."""

    def __init__(self, place: str, advice: str) -> None:
        self._place, self._advice = place, advice

    def missing_host_key(
        self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
    ) -> None:
        raise HostKeyRejected(
            f"the host key of {self._place} ({key.get_name()} {key.fingerprint}) is not known."
            f" {self._advice}"
        )
