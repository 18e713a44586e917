"""The gateway's side of the callback, on a real socket: keeps each report, answers as told."""

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.waiting import wait_until

Answer = int | str  # a status that refuses, a command, or one of the words below
SILENCE = "silence"  # the connection stays open without an answer
CUT = "cut"  # the report is read, the answer never comes


@dataclass(frozen=True)
class Report:
    """One POST. `at` is monotonic seconds; `answer` is what it was answered."""

    at: float
    path: str
    authorization: str
    body: dict[str, Any]
    answer: Answer

    @property
    def event(self) -> str:
        return str(self.body["event"])


class CallbackGateway:
    """`answers[event]`, else `answer`, decides; both may be changed at any time."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.answer: Answer = "continue"
        self.answers: dict[str, Answer] = {}
        self.released = threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/worker_callback"

    def events(self) -> list[str]:
        """The events of all accepted reports, heartbeats left out."""
        return [report.event for report in self.accepted() if report.event != "heartbeat"]

    def accepted(self) -> list[Report]:
        return [report for report in self.reports if report.answer in ("continue", "drain", "exit")]

    def wait_for(self, event: str, timeout_s: float = 20.0, **members: object) -> Report:
        """The first accepted report of that event whose body has these members."""

        def found() -> Report | None:
            return next(
                (
                    report
                    for report in self.accepted()
                    if report.event == event
                    and all(report.body[name] == value for name, value in members.items())
                ),
                None,
            )

        return wait_until(found, timeout_s, f"{event} {members} is accepted")

    def wait_for_another(self, event: str) -> Report:
        """The next report of that event from now on, accepted or not."""
        seen = len(self.reports)

        def found() -> Report | None:
            return next((report for report in self.reports[seen:] if report.event == event), None)

        return wait_until(found, 20.0, f"another {event}")


def _handler(gateway: CallbackGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = gateway.answers.get(body["event"], gateway.answer)
            authorization = self.headers["Authorization"]
            gateway.reports.append(Report(time.monotonic(), self.path, authorization, body, answer))
            if answer == SILENCE:
                gateway.released.wait(60)
            if answer in (SILENCE, CUT):
                self.close_connection = True
                return
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            status = answer if isinstance(answer, int) else 200
            told = {"command": answer} if status == 200 else {"error": {"message": "words of why"}}
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """The reports are the log."""

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    certificate: Path | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread, so that a failed handshake is nobody else's trouble."""
        if self.certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.certificate)
            with contextlib.suppress(OSError), context.wrap_socket(request, True) as secured:
                super().finish_request(secured, client_address)
            return
        super().finish_request(request, client_address)


@contextmanager
def callback_gateway(
    port: int = 0, gateway: CallbackGateway | None = None, certificate: Path | None = None
) -> Iterator[CallbackGateway]:
    """A listening gateway; `port` and `gateway` let one come back where another went away."""
    gateway = gateway or CallbackGateway()
    with _Server(("127.0.0.1", port), _handler(gateway)) as server:
        server.certificate = certificate
        gateway.port = server.server_port
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield gateway
        finally:
            gateway.released.set()
            server.shutdown()
            serving.join()
