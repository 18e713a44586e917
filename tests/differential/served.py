"""A gateway on local jobs, and the engines behind it without the gateway."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.differential.asks import ALIAS, GENERATING, JSON, POOLING, Ask
from tests.gateway_process import Gateway
from tests.local_gateway import running
from tests.vllm.engines import MAX_MODEL_LEN, POOLING_FLAGS
from tests.vllm.kit import VllmKit
from tests.waiting import wait_until
from web.config import Settings
from web.database import Database
from web.fleet.launch import engine_key
from web.fleet.store import InstanceStore
from web.secrets import Secrets

# The engines take their answers' ids from X-Request-Id, so both answers have the same.
REQUEST_ID = "same-for-both"
STORE = {"VLLM_ENABLE_RESPONSES_API_STORE": "1"}
ASK_TIMEOUT_S = 60
Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """status, header pairs as sent and in the order sent, body without its framing."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for told, value in self.headers if told.lower() == name), None)


@dataclass(frozen=True, slots=True)
class Served:
    """engines: model -> (host and port, key). joins_tokens: how many events a stream has is a
    matter of chance."""

    gateway: Gateway
    engines: Mapping[str, tuple[str, str]]
    joins_tokens: bool

    def through(self, ask: Ask) -> Reply:
        netloc = urlsplit(self.gateway.base_url).netloc
        return request(netloc, self.gateway.key, "POST", ask.path, ask.body, ask.content_type)

    def direct(self, ask: Ask) -> Reply:
        path, body = ask.direct_path or ask.path, ask.direct_body or ask.body
        return request(*self.engines[ask.model], "POST", path, body, ask.content_type)


def request(
    netloc: str,
    key: str,
    method: str,
    path: str,
    body: bytes | None = None,
    content_type: str = JSON,
) -> Reply:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(netloc, timeout=ASK_TIMEOUT_S)
    sent = {"Authorization": f"Bearer {key}", "X-Request-Id": REQUEST_ID}
    if body is not None:
        sent["Content-Type"] = content_type
    try:
        connection.request(method, path, body, sent)
        answer = connection.getresponse()
        return Reply(answer.status, answer.getheaders(), answer.read())
    finally:
        connection.close()


def simulated() -> list[Entry]:
    args = {"startup-seconds": 0.2, "max-model-len": MAX_MODEL_LEN}
    entry = {"path": "tiny", "command": "python3 -m slurm.simulator", "env": STORE}
    tools = {"enable-auto-tool-choice": True, "tool-call-parser": "hermes"}
    return [
        {**entry, "name": GENERATING, "aliases": [ALIAS], "engine_args": {**args, **tools}},
        {**entry, "name": POOLING, "engine_args": {**args, **_pooling_args()}},
    ]


def real(kit: VllmKit) -> list[Entry]:
    # A prompt that is remembered is computed in other steps, so its probabilities differ a little.
    args = {**kit.engine_args, "enable-prefix-caching": False}
    entry = {
        "path": str(kit.model_dir),
        "command": list(kit.command),
        "env": {**kit.env, **STORE},
    }
    return [
        {**entry, "name": GENERATING, "aliases": [ALIAS], "engine_args": args},
        {**entry, "name": POOLING, "engine_args": {**args, **_pooling_args()}},
    ]


def _pooling_args() -> dict[str, str]:
    names = (flag.removeprefix("--") for flag in POOLING_FLAGS[::2])
    return dict(zip(names, POOLING_FLAGS[1::2], strict=True))


@contextmanager
def serving(
    folder: Path, entries: Sequence[Entry], start_s: float, *, joins_tokens: bool
) -> Iterator[Served]:
    """The gateway with all its models ready; they start at the same time."""
    with running(Gateway(folder, entries)) as gateway:
        names = [str(entry["name"]) for entry in entries]
        wait_until(lambda: not _cold(gateway, names), start_s, "every model answers")
        yield Served(gateway, _engines(gateway), joins_tokens)


def _cold(gateway: Gateway, models: Sequence[str]) -> list[str]:
    """Asks each of them for something that every engine can do; a cold one is started by that."""
    netloc = urlsplit(gateway.base_url).netloc

    def answers(model: str) -> bool:
        body = b'{"model":"%b","prompt":"x"}' % model.encode()
        return request(netloc, gateway.key, "POST", "/tokenize", body).status == 200

    return [model for model in models if not answers(model)]


def _engines(gateway: Gateway) -> dict[str, tuple[str, str]]:
    settings = Settings.from_env(gateway.env)
    secrets, database = Secrets(settings.data_dir), Database(settings.database_url)
    live = InstanceStore(database).live()
    database.close()
    return {
        instance.model: (
            f"{instance.node}:{instance.port}",
            engine_key(secrets, instance.id, instance.secret_version),
        )
        for instance in live
    }
