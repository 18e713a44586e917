"""One address in front of two gateways, as a site's load balancer: TCP only."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Callable, Sequence


class Front(socketserver.ThreadingTCPServer):
    """Passes each connection on to the first of `ports` that takes it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, ports: Callable[[], Sequence[int]]) -> None:
        self.ports = ports
        super().__init__(("127.0.0.1", 0), _Pass)
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def connect(self) -> socket.socket | None:
        for port in self.ports():
            with contextlib.suppress(OSError):
                return socket.create_connection(("127.0.0.1", port), timeout=5)
        return None


class _Pass(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        behind = self.server.connect()
        if behind is None:
            return
        with behind:
            back = threading.Thread(target=_copy, args=[behind, self.request], daemon=True)
            back.start()
            _copy(self.request, behind)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
