"""Engines for the tests: the simulator and real vLLM, started as processes and asked over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.vllm.kit import VllmKit

HOST = "127.0.0.1"
NAME, ALIAS, KEY = "tiny", "org/tiny", "secret-key"
MAX_MODEL_LEN = 2048
KEEP_ALIVE_S = 3
SIMULATED_TOKENS_PER_SECOND = 300  # about what the tiny model does on one core
UP_TIMEOUT_S = 240


@dataclass(frozen=True, slots=True)
class Reply:
    """status, header pairs in the order sent, body decoded."""

    status: int
    headers: list[tuple[str, str]]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(slots=True)
class Engine:
    """A running engine. before_up: what clients met until it listened."""

    port: int
    process: subprocess.Popen[bytes]
    before_up: set[str] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"http://{HOST}:{self.port}/v1"

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """One request on a connection of its own. A str body is sent as it is."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        try:
            self.send(connection, method, path, body, headers)
            answer = connection.getresponse()
            return Reply(answer.status, answer.getheaders(), answer.read().decode())
        finally:
            connection.close()

    def send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        given = {"Authorization": f"Bearer {KEY}", **(headers or {})}
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        connection.request(method, path, data, {k: v for k, v in given.items() if v})

    def metric(self, name: str) -> float:
        """The value of a vLLM metric, summed over its labels."""
        text = self.ask("GET", "/metrics").text
        found = re.findall(rf"^vllm:{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE)
        if not found:
            raise AssertionError(f"/metrics does not tell vllm:{name}")
        return sum(map(float, found))


@contextmanager
def simulator(extra: Sequence[str] = ()) -> Iterator[Engine]:
    speed = str(SIMULATED_TOKENS_PER_SECOND)
    argv = [sys.executable, "-m", "slurm.simulator", "--model", "/models/tiny", *_NAMES]
    argv += ["--max-model-len", str(MAX_MODEL_LEN), "--tokens-per-second", speed]
    argv += ["--startup-seconds", "0.5", *extra]
    with _running(argv, {}, None) as engine:
        yield engine


@contextmanager
def vllm(kit: VllmKit, log: Path, extra: Sequence[str] = ()) -> Iterator[Engine]:
    argv = kit.argv(NAME)
    place = argv.index(NAME)
    argv[place : place + 1] = _NAMES[1:]
    with _running([*argv, *extra], kit.env, log) as engine:
        yield engine


_NAMES = ["--served-model-name", NAME, ALIAS]
TOOL_FLAGS = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
POOLING_FLAGS = ["--runner", "pooling", "--convert", "embed"]


@contextmanager
def _running(argv: list[str], env: dict[str, str], log: Path | None) -> Iterator[Engine]:
    port = _free_port()
    environ = {**os.environ, **env, "VLLM_API_KEY": KEY}
    environ["VLLM_HTTP_TIMEOUT_KEEP_ALIVE"] = str(KEEP_ALIVE_S)
    with (log or Path(os.devnull)).open("wb") as out:
        process = subprocess.Popen(
            [*argv, "--host", HOST, "--port", str(port)], env=environ, stdout=out, stderr=out
        )
        engine = Engine(port, process)
        try:
            _wait_until_up(engine, log)
            yield engine
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_up(engine: Engine, log: Path | None) -> None:
    deadline = time.monotonic() + UP_TIMEOUT_S
    while time.monotonic() < deadline and engine.process.poll() is None:
        try:
            status = engine.ask("GET", "/health").status
        except OSError as error:
            engine.before_up.add(type(error).__name__)
            time.sleep(0.05)
            continue
        if status == 200:
            return
        engine.before_up.add(str(status))
    words = log.read_text(errors="replace")[-3000:] if log else ""
    raise AssertionError(f"the engine did not come up (exit {engine.process.poll()})\n{words}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
