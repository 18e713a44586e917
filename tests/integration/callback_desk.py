"""The smallest gateway that a worker can report to: it lets everybody go on, and keeps notes."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.waiting import wait_until


class CallbackDesk:
    """Reports in the order of their coming, as (bearer token, body)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.reports: list[tuple[str, dict[str, Any]]] = []

    def wait_for(self, event: str, timeout_s: float = 20) -> dict[str, Any]:
        """The first report of that kind."""

        def found() -> dict[str, Any] | None:
            return next((body for _, body in self.reports if body["event"] == event), None)

        return wait_until(found, timeout_s, f"the worker reports {event}")


@contextmanager
def callback_desk() -> Iterator[CallbackDesk]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            desk.reports.append((self.headers["Authorization"].removeprefix("Bearer "), body))
            answer = b'{"command": "continue"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """pytest shows the reports; the access log would only hide them."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        desk = CallbackDesk(f"http://127.0.0.1:{server.server_port}/worker_callback")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield desk
        finally:
            server.shutdown()
