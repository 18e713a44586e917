"""What the gateway weighs, idle and with every stream open at once."""

import socket
import time
from typing import Any

from bench.clients.connection import connect, request_bytes, wait_first_event
from bench.measures.quiet import wait_quiet
from bench.processes import rss_kb
from bench.stage import Stage
from bench.upstream.answers import build_answers, request_body
from bench.wrk import Expected

STREAMS = 500
SETTLE_S = 1.0
FIRST_EVENT_TIMEOUT_S = 10.0


class StreamsLost(Exception):
    """Not every stream could be opened: dividing by their number would mean nothing."""


def measure_memory(stage: Stage) -> dict[str, Any]:
    """rss_idle_mb is of all the gateway's processes, once they have served a while."""
    answers = build_answers()
    for kind, body in (("json", answers.expected_json), ("fast", answers.expected_stream)):
        expected = Expected(200, body, exact=True)
        stage.wrk.run(stage.gateway, request_body(kind, 1), expected, 1, 1)
    time.sleep(SETTLE_S)
    idle_kb = rss_kb(stage.gateway.pids)
    sockets = [connect(stage.gateway) for _ in range(STREAMS)]
    try:
        _open_streams(stage, sockets)
        time.sleep(SETTLE_S)
        loaded_kb = rss_kb(stage.gateway.pids)
    finally:
        for sock in sockets:
            sock.close()
    wait_quiet(stage)
    return {
        "rss_idle_mb": round(idle_kb / 1024, 1),
        "kb_per_open_stream": round((loaded_kb - idle_kb) / STREAMS, 1),
        "open_streams": STREAMS,
        "rss_idle_mb_of_each": [round(rss_kb([pid]) / 1024, 1) for pid in stage.gateway.pids],
    }


def _open_streams(stage: Stage, sockets: list[socket.socket]) -> None:
    for number, sock in enumerate(sockets):
        sock.sendall(request_bytes(stage.gateway, "hold", number))
    open_ = sum(wait_first_event(sock, FIRST_EVENT_TIMEOUT_S) for sock in sockets)
    if open_ < STREAMS:
        raise StreamsLost(f"{open_} of {STREAMS} streams were opened")
