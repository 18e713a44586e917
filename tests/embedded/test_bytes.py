"""The engine's bytes, through the gateway and without it."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from tests.embedded.conftest import MODEL
from tests.waiting import wait_until
from web.catalog.file import CatalogFile
from web.config import Settings
from web.database import Database
from web.fleet.launch import engine_key
from web.fleet.store import InstanceStore
from web.secrets import Secrets

CHAT = "/v1/chat/completions"
# The simulator takes its answers' ids from this header, as vLLM does.
REQUEST_ID = "same-for-both"


@pytest.fixture(scope="module")
def engine(gateway):
    """(host and port, key) of the instance behind the gateway."""
    settings = Settings.from_env(gateway.env)
    database = Database(settings.database_url)
    (instance,) = InstanceStore(database).live()
    database.close()
    assert CatalogFile.for_settings(settings).current().find(MODEL)
    key = engine_key(Secrets(settings.data_dir), instance.id, instance.secret_version)
    return f"{instance.node}:{instance.port}", key


def post(netloc, key, body, path=CHAT, **headers):
    """(status, headers, body) of a POST, its bytes as they came."""
    connection = http.client.HTTPConnection(netloc, timeout=30)
    sent = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "X-Request-Id": REQUEST_ID,
        **headers,
    }
    connection.request("POST", path, body, sent)
    answer = connection.getresponse()
    try:
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def chat_body(**changes):
    messages = [{"role": "user", "content": "Grüße aus 東京 🚀"}]
    return json.dumps({"model": MODEL, "messages": messages, "max_tokens": 24, **changes}).encode()


@pytest.mark.parametrize(
    "body",
    [
        chat_body(),
        chat_body(stream=True),
        chat_body(stream=True, stream_options={"include_usage": True}),
        chat_body(n=2, logprobs=True),
        chat_body(max_tokens=-1),
        chat_body(messages="not a list"),
        chat_body(simulator={"fail_with": 500}),
        b'{"model": "demo"}',
    ],
    ids=["plain", "stream", "usage", "n and logprobs", "negative", "no list", "500", "bare"],
)
def test_the_answer_is_the_engines_byte_for_byte(gateway, engine, body):
    def created_taken_out(answer):
        # The only thing in an answer that depends on when it was asked for.
        status, headers, text = answer
        pieces = text.split(b'"created":')
        rest = [piece.lstrip(b"0123456789") for piece in pieces[1:]]
        return status, headers["content-type"], [pieces[0], *rest]

    through = post(urlsplit(gateway.base_url).netloc, gateway.key, body)
    direct = post(*engine, body)
    assert created_taken_out(through) == created_taken_out(direct)
    assert through[1]["x-request-id"] == REQUEST_ID


def test_the_old_alias_of_the_route_works(gateway):
    netloc = urlsplit(gateway.base_url).netloc
    status, _, _ = post(netloc, gateway.key, chat_body(), path="/v1/chat/completion")
    assert status == 200


def test_a_stream_that_breaks_ends_in_an_error_and_a_cut_connection(gateway):
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=30)
    connection.request(
        "POST",
        CHAT,
        chat_body(stream=True, simulator={"cut_after_tokens": 3}),
        {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"},
    )
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as broken:
        answer.read()
    events = broken.value.partial.decode().strip().split("\n\n")
    error = json.loads(events[-1].removeprefix("data: "))["error"]
    assert error["code"] == "upstream_disconnected"
    assert "[DONE]" not in broken.value.partial.decode()
    connection.close()


def test_a_plain_answer_that_breaks_is_never_a_whole_one(gateway):
    body = chat_body(simulator={"cut_after_tokens": 3})
    netloc = urlsplit(gateway.base_url).netloc
    status, _, text = post(netloc, gateway.key, body)
    assert status == 502
    assert json.loads(text)["error"]["code"] == "upstream_unreachable"


def test_a_client_that_leaves_ends_the_generation(gateway, engine):
    netloc, _ = engine
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=30)
    slow = {"tokens_per_second": 20, "answer_tokens": 10_000}
    connection.request(
        "POST",
        CHAT,
        chat_body(stream=True, max_tokens=1500, simulator=slow),
        {"Authorization": f"Bearer {gateway.key}", "Content-Type": "application/json"},
    )
    answer = connection.getresponse()
    answer.readline()
    wait_until(lambda: running(netloc) == 1, what="the engine runs the request")
    answer.close()
    connection.close()
    wait_until(lambda: running(netloc) == 0, what="the engine stopped generating")


def running(netloc):
    connection = http.client.HTTPConnection(netloc, timeout=5)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    (line,) = [x for x in text.splitlines() if x.startswith("vllm:num_requests_running")]
    return float(line.split()[-1])
