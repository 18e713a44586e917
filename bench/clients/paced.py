"""Streams at the pace of a person's model: 64 deltas, 20 ms apart, and when each one arrived."""

import gc
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from bench.clients.connection import RECEIVE_BYTES, body_of, connect, request_bytes
from bench.subjects.subject import Subject
from bench.upstream.answers import DELTAS, PACE_S, build_answers

END = b"\r\n0\r\n\r\n"
STREAM_S = DELTAS * PACE_S
# What is not over by then has stalled for good.
PATIENCE_S = 10.0


@dataclass(slots=True)
class Stream:
    """One answer: when it was asked for, what came (whole reads), and when."""

    asked_at: float
    reads: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    @property
    def first_event(self) -> int:
        """Which read brought the first event: the head may come alone."""
        return 0 if len(self.reads) < 2 or b"data: " in self.reads[0] else 1

    @property
    def ttft_s(self) -> float:
        return self.times[self.first_event] - self.asked_at

    @property
    def gaps_s(self) -> list[float]:
        times = self.times[self.first_event :]
        return [later - earlier for earlier, later in pairwise(times)]


@dataclass(slots=True)
class Slot:
    """One of N clients: it asks again as soon as it has its answer, on the same connection."""

    sock: socket.socket
    stream: Stream


def run_paced(subject: Subject, clients: int, seconds: float) -> tuple[list[Stream], int]:
    """The streams that came whole, and how many did not. Asks anew for `seconds`, then ends."""
    request = request_bytes(subject, "paced", 1)
    slots: dict[int, Slot] = {}
    done: list[Stream] = []
    opened, start = 0, time.monotonic()
    with select.epoll() as poll, _no_collector():
        while slots or opened < clients:
            now = time.monotonic()
            if now > start + seconds + STREAM_S + PATIENCE_S:
                break
            # Spread over the length of one stream, as if they had always been there.
            if opened < clients and now >= start + opened * STREAM_S / clients:
                slot = _open(subject, request)
                slots[slot.sock.fileno()] = slot
                poll.register(slot.sock.fileno(), select.EPOLLIN)
                opened += 1
            for number, _ in poll.poll(0.001 if opened < clients else 0.1):
                ended = _read(slots[number])
                if ended is not None:
                    done.append(ended)
                    _ask_again(slots, number, request, time.monotonic() < start + seconds)
    for slot in slots.values():
        slot.sock.close()
    return _whole(done), len(done) + len(slots) - len(_whole(done))


def _open(subject: Subject, request: bytes) -> Slot:
    sock = connect(subject)
    sock.setblocking(False)
    stream = Stream(time.monotonic())
    sock.send(request)
    return Slot(sock, stream)


def _read(slot: Slot) -> Stream | None:
    """The stream if it has ended, well or not."""
    try:
        data = slot.sock.recv(RECEIVE_BYTES)
    except OSError:
        data = b""
    stream = slot.stream
    stream.times.append(time.monotonic())
    stream.reads.append(data)
    return stream if is_over(stream.reads) else None


def is_over(reads: list[bytes]) -> bool:
    """Whether the last read ended the answer, well (its last chunk has come) or not (no bytes)."""
    return not reads[-1] or b"".join(reads[-3:]).endswith(END)


def _ask_again(slots: dict[int, Slot], number: int, request: bytes, again: bool) -> None:
    slot = slots[number]
    if not again or not slot.stream.reads[-1]:
        slots.pop(number).sock.close()
        return
    slot.stream = Stream(time.monotonic())
    slot.sock.send(request)


def _whole(streams: list[Stream]) -> list[Stream]:
    expected = build_answers().expected_stream
    return [each for each in streams if body_of(b"".join(each.reads)) == expected]


@contextmanager
def _no_collector() -> Iterator[None]:
    """A collector's pause would look like a stall."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
