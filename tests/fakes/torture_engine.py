"""An engine over raw sockets that answers as badly as the request's `torture` member says.

`python3 -m tests.fakes.torture_engine --model P --served-model-name N --host H --port P`. It passes
a worker's questions (see `slurm/worker.py`); what it has seen is told by GET /torture, and POST
/torture sets STATE. Standard library only.
"""

import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time

from tests.fakes.torture_scripts import CLOSE, DOOM, HANG, RESET, SCRIPTS, Ask

STATE = {
    "seen": 0,  # requests, but for those about the engine itself
    "open": 0,  # connections
    "left": 0,  # answers whose receiver went away
    "last": "",  # the latest request's head
    "always": None,  # the script of every request, whatever it asks for
}
METRICS = (
    "vllm:num_requests_running 0.0\nvllm:num_requests_waiting 0.0\nvllm:kv_cache_usage_perc 0.0\n"
)
LOCK = threading.Lock()


class Gone(Exception):
    """The connection is over."""


def note(**changes: int) -> None:
    with LOCK:
        for name, change in changes.items():
            STATE[name] += change


class Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""
        self.doomed = False

    def serve(self) -> None:
        note(open=1)
        with contextlib.suppress(Gone, OSError), self.sock:
            while True:
                self.answer(self.next_ask())
        note(open=-1)

    def next_ask(self) -> Ask:
        while b"\r\n\r\n" not in self.unread:
            self.unread += self.take()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        if self.doomed:
            note(seen=1)
            self.reset()
        text = head.decode("latin-1")
        lines = text.split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (x.partition(":") for x in lines[1:])}
        size = int(headers.get("content-length", 0))
        pieces, missing = [self.unread], size - len(self.unread)
        while missing > 0:
            pieces.append(self.take())
            missing -= len(pieces[-1])
        body = b"".join(pieces)
        body, self.unread = body[:size], body[size:]
        method, path, _ = lines[0].split(" ")
        content = json.loads(body) if body[:1] == b"{" and b"torture" in body[:2000] else {}
        return Ask(method, path, text, content)

    def take(self) -> bytes:
        data = self.sock.recv(256 * 1024)
        if not data:
            raise Gone
        return data

    def answer(self, ask: Ask) -> None:
        key = os.environ.get("VLLM_API_KEY", "")
        if ask.path == "/torture":
            STATE.update(ask.body.get("torture", {}))
            self.say(200, json.dumps(STATE))
        elif ask.path == "/metrics":
            self.say(200, METRICS)
        elif f"authorization: bearer {key}".lower() not in ask.head.lower():
            self.say(401, '{"error": "Unauthorized"}')
        elif ask.path == "/v1/models":
            self.say(200, json.dumps({"data": [{"id": "torture", "max_model_len": 7}]}))
        else:
            note(seen=1)
            STATE["last"] = ask.head
            self.perform(ask, STATE["always"] or ask.body.get("torture", "good"))

    def perform(self, ask: Ask, name: str) -> None:
        try:
            for step in SCRIPTS[name](ask):
                if isinstance(step, bytes):
                    self.sock.sendall(step)
                elif isinstance(step, float):
                    time.sleep(step)
                else:
                    self.end(step)
        except OSError:
            note(left=1)
            raise Gone from None

    def end(self, how: str) -> None:
        if how == DOOM:
            self.doomed = True
        elif how == HANG:
            try:
                self.sock.recv(1)
            finally:
                note(left=1)
            raise Gone
        elif how == RESET:
            self.reset()
        elif how == CLOSE:
            raise Gone

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def say(self, status: int, text: str) -> None:
        head = f"HTTP/1.1 {status} Told\r\nContent-Length: {len(text.encode())}\r\n\r\n"
        self.sock.sendall((head + text).encode())


def main() -> None:
    host, port = sys.argv[sys.argv.index("--host") + 1], sys.argv[sys.argv.index("--port") + 1]
    listener = socket.socket()
    # The worker holds the port until the engine has it.
    for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.bind((host, int(port)))
    listener.listen(1024)
    threading.stack_size(256 * 1024)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Connection(sock).serve, daemon=True).start()


if __name__ == "__main__":
    main()
