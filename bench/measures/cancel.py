"""How soon the upstream's connection is closed after a client has left."""

import json
import random
import socket
import statistics
import time
from typing import Any

from bench.clients.connection import connect, request_bytes, wait_first_event
from bench.measures.quiet import wait_quiet
from bench.processes import POLL_S, cpu_time
from bench.stage import Stage
from bench.subjects.subject import Subject

# (kind of answer, whether an event is waited for): a plain answer and a stream in prefill, a stream
# that flows, and one that has fallen silent.
KINDS = (("silent", False), ("prefill", False), ("paced", True), ("hold", True))
PER_KIND = 60
BATCH = 10
# Beyond this nobody would call it a consequence of the client's leaving.
GIVE_UP_S = 2.0


def measure_cancel(stage: Stage) -> dict[str, Any]:
    """kscope: over all kinds; then per kind. `never`: not closed within 2 s, and counted as 2 s."""
    started, before = time.monotonic(), cpu_time(stage.gateway.pids)
    latencies: dict[str, list[float]] = {kind: [] for kind, _ in KINDS}
    numbers = iter(range(1, 1_000_000))
    stage.direct.get("/bench/closed")  # whatever was recorded before is not ours
    for _ in range(PER_KIND // BATCH):
        for kind, is_stream in KINDS:
            batch = [next(numbers) for _ in range(BATCH)]
            left = _leave(stage.gateway, kind, is_stream, batch)
            latencies[kind] += _find_closed(stage, left)
    used, took_s = cpu_time(stage.gateway.pids).since(before), time.monotonic() - started
    wait_quiet(stage)
    every = _figures([latency for found in latencies.values() for latency in found])
    every["starved"] = round(used.starved_s / took_s, 3)
    return {"kscope": every, **{kind: _figures(found) for kind, found in latencies.items()}}


def _leave(subject: Subject, kind: str, is_stream: bool, numbers: list[int]) -> dict[str, float]:
    """Ask, wait a while, go away. {the request's mark: when its client closed}."""
    sockets = []
    for number in numbers:
        sock = connect(subject)
        sock.sendall(request_bytes(subject, kind, number))
        sockets.append(sock)
    if is_stream:
        for sock in sockets:
            wait_first_event(sock, GIVE_UP_S)
    left = {}
    for number, sock in zip(numbers, sockets, strict=True):
        time.sleep(random.uniform(0.005, 0.04))
        if number % 2:
            _read_away(sock)  # unread bytes make the kernel send a reset instead of an end
        left[f"bench {kind} {number:07}"] = time.monotonic()
        sock.close()
    return left


def _read_away(sock: socket.socket) -> None:
    sock.setblocking(False)
    try:
        sock.recv(1 << 20)
    except BlockingIOError:
        return


def _find_closed(stage: Stage, left: dict[str, float]) -> list[float]:
    closed: dict[str, float] = {}
    deadline = time.monotonic() + GIVE_UP_S
    while not left.keys() <= closed.keys() and time.monotonic() < deadline:
        closed |= json.loads(stage.direct.get("/bench/closed")[1])
        time.sleep(POLL_S)
    return [closed.get(mark, at + GIVE_UP_S) - at for mark, at in left.items()]


def _figures(latencies: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(latencies, n=100, method="inclusive")
    return {
        "samples": len(latencies),
        "never": sum(latency >= GIVE_UP_S for latency in latencies),
        "p50_ms": round(cuts[49] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
        "max_ms": round(max(latencies) * 1000, 2),
    }
