"""What a gateway has written down of its requests, for tests that hold it to what clients saw."""

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from datetime import UTC

from tests.gateway_process import HOST, Gateway
from web.config import Settings
from web.database import Database
from web.fleet.store import InstanceStore
from web.usage.lines import Line
from web.usage.periods import By
from web.usage.store import Question, UsageStore

CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "hello there"}]


@contextlib.contextmanager
def database_of(gateway: Gateway) -> Iterator[Database]:
    database = Database(Settings.from_env(gateway.env).database_url)
    try:
        yield database
    finally:
        database.close()


def written(gateway: Gateway, *by: By, model: str | None = None) -> dict[tuple[str, ...], Line]:
    with database_of(gateway) as database:
        sums = UsageStore(database).sums(by, Question(model=model), UTC)
    return {each.names: each.line for each in sums}


def written_requests(gateway: Gateway) -> int:
    return written(gateway).get((), Line()).requests


def post(gateway: Gateway, path: str, body: dict, timeout_s: float = 30) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, gateway.port, timeout=timeout_s)
    try:
        connection.request("POST", path, json.dumps(body), _headers(gateway))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextlib.contextmanager
def opened(gateway: Gateway, body: dict) -> Iterator[http.client.HTTPResponse]:
    """A stream whose client leaves at the end of the `with`."""
    connection = http.client.HTTPConnection(HOST, gateway.port, timeout=30)
    connection.request("POST", CHAT, json.dumps({**body, "stream": True}), _headers(gateway))
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def engine_counters(gateway: Gateway, model: str) -> tuple[int, int]:
    """(prompt tokens, generated tokens) by the engine's own count, since it started."""
    with database_of(gateway) as database:
        (instance,) = [each for each in InstanceStore(database).live() if each.model == model]
    connection = http.client.HTTPConnection(str(instance.node), instance.port or 0, timeout=10)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
    finally:
        connection.close()
    found = re.findall(r"^vllm:(?:prompt|generation)_tokens_total\S* (\S+)$", text, re.MULTILINE)
    prompt, generated = (int(float(number)) for number in found)
    return prompt, generated


def _headers(gateway: Gateway) -> dict[str, str]:
    return {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"}


def chat_body(model: str, max_tokens: int = 4, **more: object) -> dict:
    return {"model": model, "messages": MESSAGES, "max_tokens": max_tokens, **more}
