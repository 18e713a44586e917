"""What the gateway refuses itself: always the envelope, always in words, never a 500."""

import http.client
import json
from urllib.parse import urlsplit

import pytest

from tests.embedded.conftest import MODEL

CHAT = "/v1/chat/completions"
GOOD = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": "x"}]}).encode()


def ask(gateway, method, path, body=None, headers=None, key=None):
    connection = http.client.HTTPConnection(urlsplit(gateway.base_url).netloc, timeout=30)
    sent = {"Authorization": f"Bearer {key or gateway.key}", "Content-Type": "application/json"}
    connection.request(method, path, body, {**sent, **(headers or {})})
    answer = connection.getresponse()
    try:
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"not json", "not valid JSON"),
        (b"[1]", "JSON object"),
        (b'"demo"', "JSON object"),
        (b"{}", "`model`"),
        (b'{"model": 7}', "`model`"),
        (b'{"model": null}', "`model`"),
        (b'{"model": ""}', "`model`"),
        (b'{"model": "demo", "stream": "true"}', "`stream`"),
        (b'{"model": "demo", "x": NaN}', "not valid JSON"),
        (b'{"model": "demo", "x": ' + b"[" * 100_000, "not valid JSON"),
        (b'{"model": "demo"', "not valid JSON"),
        ('{"model": "demo"}'.encode("utf-16"), "not valid JSON"),
        (b'\xef\xbb\xbf{"model": "demo"}', "not valid JSON"),
        (b'{"model": "\xff"}', "not valid JSON"),
        (b'{"model": "' + b"x" * 10_000 + b'"}', "`model`"),
    ],
)
def test_a_body_that_cannot_be_routed_is_a_clear_400(gateway, body, words):
    status, _, answer = ask(gateway, "POST", CHAT, body)
    assert status == 400
    assert words in answer["error"]["message"]
    assert set(answer["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("name", ["../x", "$(id)", "a\nb", "\u0000", "ünknown 🚀"])
def test_a_strange_name_is_a_model_that_does_not_exist(gateway, name):
    body = json.dumps({"model": name}).encode()
    status, _, answer = ask(gateway, "POST", CHAT, body)
    assert (status, answer["error"]["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", CHAT, 405),
        ("DELETE", "/v1/models", 405),
        ("POST", "/v1/nothing", 404),
        ("GET", "/version", 404),
        ("POST", "/invocations", 404),
        ("GET", "/load", 404),
        ("POST", "/v1/chat/../load_lora_adapter", 404),
        ("POST", "/v1/chat/completions/", 404),
        ("POST", "/v1//chat/completions", 404),
        ("POST", "/v1/chat%2Fcompletions%2F..%2F..%2Fsleep", 404),
    ],
)
def test_a_path_that_is_not_ours_reaches_nothing(gateway, method, path, expected):
    status, _, answer = ask(gateway, method, path, GOOD if method == "POST" else None)
    assert status == expected
    assert answer["error"]["message"]


def test_a_body_that_is_too_large_is_refused(make_gateway):
    gateway = make_gateway(MAX_REQUEST_BODY_MB="1")
    status, _, answer = ask(gateway, "POST", CHAT, b" " * (1024 * 1024 + 1))
    assert (status, answer["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Basic YTpi", "Bearer  x", "sk-ks-naked", "Bearer " + "x" * 4000]
)
def test_every_kind_of_bad_key_is_the_same_401(gateway, header):
    status, headers, answer = ask(gateway, "POST", CHAT, GOOD, {"Authorization": header})
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert answer["error"]["code"] in (None, "invalid_api_key")
    assert "sk-ks" not in answer["error"]["message"]


def test_the_key_is_checked_before_the_body(gateway):
    status, _, _ = ask(gateway, "POST", CHAT, b"not json", key="wrong")
    assert status == 401


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_a_compressed_body_is_refused_in_words(gateway, encoding):
    status, _, answer = ask(gateway, "POST", CHAT, GOOD, {"Content-Encoding": encoding})
    assert status == 400
    assert encoding in answer["error"]["message"]


def test_a_sane_request_id_is_kept_and_another_replaced(gateway):
    _, headers, _ = ask(gateway, "GET", "/v1/models", headers={"X-Request-Id": "my-id.7"})
    assert headers["x-request-id"] == "my-id.7"
    _, headers, _ = ask(gateway, "GET", "/v1/models", headers={"X-Request-Id": "a b<c>"})
    assert headers["x-request-id"].startswith("req_")


def test_health_needs_no_key_and_ready_names_its_parts(gateway):
    assert gateway.status("/health") == gateway.status("/ping") == 200
    status, text = gateway.get("/ready")
    parts = json.loads(text)["parts"]
    assert status == 200
    assert set(parts) == {"database", "fleet", "cluster", "catalog", "limits"}


@pytest.mark.parametrize("bearer", ["", "nope", "abcdefghij.nope", "x" * 5000])
def test_a_stranger_cannot_report_for_a_worker(gateway, bearer):
    report = {"instance_id": "abcdefghij", "slurm_job_id": "1", "sequence": 0, "event": "claim"}
    headers = {"Authorization": f"Bearer {bearer}"}
    body = json.dumps(report).encode()
    status, _, answer = ask(gateway, "POST", "/worker_callback", body, headers)
    assert (status, answer["error"]["message"]) == (401, "Unknown worker token.")
