"""An engine that misbehaves on demand; standard library only, started by a worker under test.

`python odd_engine.py '{"routes": ["/v1/completions"], …}' --host H --port P`: the JSON is merged
into STATE, and so is whatever is posted to /switch afterwards.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATE = {
    "routes": ["/v1/completions"],  # these make a token; others are 404
    "statuses": {},  # path -> status, instead of what would follow
    "guarded": True,
    "silent": [],  # paths that never answer
    "metrics": "vllm:num_requests_running 0.0\nvllm:num_requests_waiting 0.0\n"
    "vllm:kv_cache_usage_perc 0.0\n",
    "say": "",  # printed at the start
    "exit": None,  # leave at once with this code, or by this signal when negative
    "ignore_term": False,
    "child": False,  # a process in our group that ignores TERM
    "reuse": ["SO_REUSEADDR", "SO_REUSEPORT"],
    "note": None,  # a file that receives what we see of ourselves
}


def note() -> None:
    with open(STATE["note"], "w") as stream:
        descriptors = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
        seen = {"argv": sys.argv, "environ": dict(os.environ), "descriptors": descriptors}
        json.dump({**seen, "pid": os.getpid(), "group": os.getpgrp(), "blocked": blocked()}, stream)


def next_metrics() -> str:
    """A list of pages is gone through again and again."""
    if isinstance(STATE["metrics"], str):
        return STATE["metrics"]
    STATE["metrics"].append(STATE["metrics"].pop(0))
    return STATE["metrics"][-1]


def blocked() -> list[int]:
    return [int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())]


def leave() -> None:
    if STATE["exit"] is None:
        return
    if STATE["exit"] < 0:
        os.kill(os.getpid(), -STATE["exit"])
    os._exit(STATE["exit"])


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        guarded = self.path.startswith("/v1") and STATE["guarded"]
        mine = self.headers["Authorization"] == "Bearer " + os.environ["VLLM_API_KEY"]
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/switch":
            STATE.update(json.loads(content))
            self.send(200, b"{}")
            leave()
        elif self.path in STATE["silent"]:
            threading.Event().wait()
        elif guarded and not mine:
            self.send(401, b"{}")
        elif self.path in STATE["statuses"]:
            self.send(STATE["statuses"][self.path], b"odd")
        elif self.path == "/metrics":
            self.send(200, next_metrics().encode())
        elif self.path == "/v1/models":
            self.send(200, b'{"data": [{"id": "odd", "max_model_len": 7}]}')
        else:
            self.send(200 if self.path in STATE["routes"] else 404, b"{}")

    do_POST = do_GET

    def send(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Our output is under test."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = False

    def server_bind(self) -> None:
        for option in STATE["reuse"]:
            self.socket.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        super().server_bind()


def main() -> None:
    STATE.update(json.loads(sys.argv[1]))
    host, port = sys.argv[sys.argv.index("--host") + 1], sys.argv[sys.argv.index("--port") + 1]
    if STATE["ignore_term"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if STATE["child"]:
        # What is ignored stays ignored through exec.
        subprocess.Popen(["sh", "-c", "trap '' TERM; exec sleep 600"])
    if STATE["note"]:
        note()
    print(STATE["say"].replace("KEY", os.environ["VLLM_API_KEY"]), flush=True)
    leave()
    Server((host, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main()
