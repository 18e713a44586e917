"""What the upstream remembers of a client."""

import socket


class Connection:
    """One client: what it sent so far, what it has yet to get, and the request under way."""

    __slots__ = ("key", "next_event", "received", "sock", "started_at", "steps", "unsent")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.unsent = b""
        self.key = ""  # "kind number" of a request not yet answered in full
        self.steps: tuple[bytes, ...] = ()
        self.next_event = 0
        self.started_at = 0.0
