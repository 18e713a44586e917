"""Asking an engine for a token. Only that proves one: /health answers in many a hang."""

import http.client
import json
import threading
import time
from contextlib import closing, suppress
from socket import SHUT_RDWR, socket

from web.fleet.routing import Target

LIMIT_S = 10.0
CONNECT_S = 3.0
# One token takes a few hundred bytes; an embedding may have thousands of numbers.
MAX_PROOF_BYTES = 256 * 1024
# The smallest questions that make an engine of one kind or another compute: the worker's own
# (slurm/worker.py), so that whatever it took for ready can prove itself here.
QUESTIONS: tuple[tuple[str, dict[str, object]], ...] = (
    ("/v1/completions", {"prompt": "1", "max_tokens": 1}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "1"}], "max_tokens": 1}),
    ("/v1/embeddings", {"input": "1"}),
    ("/v1/score", {"text_1": "1", "text_2": "1"}),
    ("/pooling", {"input": "1"}),
)
OF_ANOTHER_KIND = (400, 404, 405, 422)


def answers_with_a_token(target: Target, model: str, limit_s: float = LIMIT_S) -> bool:
    """Whether the engine answers a real question, of the kind it is made for, within `limit_s`.

    The limit holds for all of it, but for the time that the name of the node takes to resolve.
    """
    deadline = time.monotonic() + limit_s
    for path, question in QUESTIONS:
        try:
            status, whole = _ask(target, path, {"model": model, **question}, deadline)
        except (OSError, http.client.HTTPException, ValueError):
            return False
        if status not in OF_ANOTHER_KIND:
            return status == http.client.OK and whole
    return False


def _ask(
    target: Target, path: str, question: dict[str, object], deadline: float
) -> tuple[int, bool]:
    """The answer's status, and whether it came whole with something in it. Follows no redirect."""
    host, _, port = target.netloc.rpartition(":")
    headers = {
        "Authorization": f"Bearer {target.engine_key}",
        "Content-Type": "application/json",
    }
    with closing(http.client.HTTPConnection(host, int(port), timeout=CONNECT_S)) as connection:
        connection.connect()
        left_s = max(0.01, deadline - time.monotonic())
        connection.sock.settimeout(left_s)
        # An engine that may say anything may also go on forever, byte by byte.
        cut = threading.Timer(left_s, _cut, (connection.sock,))
        cut.daemon = True
        cut.start()
        try:
            connection.request("POST", path, json.dumps(question).encode(), headers)
            answer = connection.getresponse()
            proof = answer.read(MAX_PROOF_BYTES + 1)
            return answer.status, 0 < len(proof) <= MAX_PROOF_BYTES and answer.isclosed()
        finally:
            cut.cancel()


def _cut(connected: socket) -> None:
    with suppress(OSError):
        connected.shutdown(SHUT_RDWR)
