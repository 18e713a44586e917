"""What claims to be a directory and is none: no answer of it is an answer, none takes for ever."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.gateway_process import HOST
from web.clock import utc_now
from web.config import Settings
from web.identity.directory import DirectoryUnavailable
from web.identity.directory.ldap import LdapDirectory

# A bind's answer as RFC 4511 has it: message 1, success.
BIND_OK = bytes.fromhex("300c02010161070a010004000400")
JUNK = {
    "nothing": b"",
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "zeros": b"\0" * 100,
    "endless length": b"\x30\x84\xff\xff\xff\xff" + b"x" * 1000,
    "indefinite length": b"\x30\x80" + b"\x02\x01\x01" * 50,
    "cut off": BIND_OK[:-3],
    "another's answer": BIND_OK.replace(b"\x02\x01\x01", b"\x02\x01\x63"),
    "bind, then text": BIND_OK + b"nonsense" * 20,
    "bind, then a wrong tag": BIND_OK + bytes.fromhex("300c02010277070a010004000400"),
    "bind, then no entry at all": BIND_OK + bytes.fromhex("30050201026400"),
    "bind, then odd values": BIND_OK + bytes.fromhex("300b020102640604013031012a"),
    "deep nesting": b"\x30\x80" * 5000,
}


@contextlib.contextmanager
def server_saying(answer: bytes) -> Iterator[int]:
    """The port of a server that says the same to everybody, and then nothing more."""
    with socket.create_server((HOST, 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(4096)
                        client.sendall(answer)
                        client.shutdown(socket.SHUT_WR)
                        client.recv(4096)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
@pytest.mark.parametrize("start_tls", ["true", "false"])
@pytest.mark.parametrize("junk", JUNK)
def test_junk_says_nothing_of_anybody(scheme: str, start_tls: str, junk: str) -> None:
    if scheme == "ldaps" and start_tls == "true":
        start_tls = ""
    with server_saying(JUNK[junk]) as port:
        settings = Settings.from_env(
            {"LOGIN": "ldap", "LDAP_URL": f"{scheme}://{HOST}:{port}", "LDAP_START_TLS": start_tls,
             "LDAP_USER_SEARCH_BASE": "dc=x"}
        )  # fmt: skip
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable):
            LdapDirectory(settings, utc_now).check("alice", "wonderland")
        assert time.monotonic() - began < 12
