"""What can happen to callbacks on their way: lost, doubled, late, out of order, said again.

It stands where workers are told the gateway is, and passes on what it gets, or not, or twice.
"""

import random
import threading
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PASSED, LOST, UNANSWERED, DOUBLED, LATE = "passed", "lost", "unanswered", "doubled", "late"
FATES = (PASSED, LOST, UNANSWERED, DOUBLED, LATE)
REPLAYED = "replayed"
Heard = tuple[bytes, str]  # body, authorization
Said = tuple[int, bytes]  # status, body


class Shuffler:
    """`target` is the gateway's callback URL; while it is empty everything is lost."""

    def __init__(self, chance: random.Random) -> None:
        self.target = ""
        self.disturbs = True
        self.port = 0
        self.fates: Counter[str] = Counter()
        self.heard: list[Heard] = []
        self._chance = chance
        self._late: list[Heard] = []
        # Two workers' reports may come at once.
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/worker_callback"

    def take(self, report: Heard) -> Said | None:
        """What the worker is answered; None: the connection just closes."""
        with self._lock:
            fate = self._chance.choice(FATES) if self.disturbs else PASSED
            fate = fate if self.target else LOST
            overtaken, self._late = self._late, []
            again = [self._chance.choice(self.heard)] if self.disturbs and self.heard else []
            self.heard.append(report)
            self.fates[fate] += 1
            self.fates[REPLAYED] += len(again)
            if fate == LATE:
                self._late.append(report)
        said = None
        for _ in range({LOST: 0, LATE: 0, DOUBLED: 2}.get(fate, 1)):
            said = self.pass_on(report)
        for older in (*overtaken, *again):
            self.pass_on(older)
        return None if fate == UNANSWERED else said

    def pass_on(self, report: Heard) -> Said | None:
        """Deliver it; None when the gateway does not answer."""
        body, authorization = report
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        request = urllib.request.Request(self.target, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read()
        except OSError:
            return None


def _handler(shuffler: Shuffler) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            said = shuffler.take((body, self.headers["Authorization"]))
            if said is None:
                self.close_connection = True
                return
            self.send_response(said[0])
            self.send_header("Content-Length", str(len(said[1])))
            self.end_headers()
            self.wfile.write(said[1])

        def log_message(self, format: str, *args: object) -> None:
            """`fates` is the log."""

    return Handler


@contextmanager
def shuffling_proxy(seed: int) -> Iterator[Shuffler]:
    shuffler = Shuffler(random.Random(seed))
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(shuffler)) as server:
        shuffler.port = server.server_port
        serving = threading.Thread(target=server.serve_forever, args=(0.02,))
        serving.start()
        try:
            yield shuffler
        finally:
            server.shutdown()
            serving.join()
