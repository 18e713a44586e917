"""Bad input, class "Paths": what is not in the table reaches no engine, however it is spelled."""

import json

import pytest

from tests.data_path.raw import CHAT, request, talk

# vLLM 0.32's routes beside ours (from its /openapi.json, and the development ones).
ENGINE_ONLY = [
    "/abort_requests", "/collective_rpc", "/get_world_size", "/inference/v1/generate",
    "/init_weight_transfer_engine", "/invocations", "/is_paused", "/is_scaling_elastic_ep",
    "/is_sleeping", "/load", "/pause", "/pooling", "/classify",
    "/redoc", "/reset_encoder_cache", "/reset_mm_cache", "/reset_prefix_cache", "/resume",
    "/scale_elastic_ep", "/server_info", "/sleep", "/start_profile", "/stop_profile",
    "/tokenizer_info", "/update_weights", "/v1/load_lora_adapter", "/v1/unload_lora_adapter",
    "/v2/rerank", "/version", "/wake_up", "/v1/chat/completions/render", "/v1/realtime",
    "/v1/completions/render", "/v1/chat/completions/batch", "/score", "/rerank", "/health/../sleep",
]  # fmt: skip
SPELLINGS = [
    "/v1/chat/../../sleep", "/v1/./chat/completions", "/v1/chat/completions/../../../sleep",
    "/v1/chat/%2e%2e/%2e%2e/sleep", "/v1%2fchat%2fcompletions", "/v1/chat%2Fcompletions",
    "/v1/%63hat/completions", "/v1/chat/completion%73", "/v1/chat%252Fcompletions",
    "/v1/chat/completions%00", "/v1/chat/completions%0d%0aX-A:%20b", "/v1/chat/completions%20",
    "//v1/chat/completions", "/v1//chat/completions", "/v1/chat//completions",
    "/v1/chat/completions/", "/v1/chat/completions//", "/v1/chat/completions;x=1",
    "/V1/chat/completions", "/v1/Chat/Completions", "/v1\\chat\\completions",
    "/v1/chat/completions%",
    "//other.test/v1/chat/completions", "/v1/responses/resp_1/../../../sleep",
    "/v1/responses/resp_..%2f..%2fsleep", "/v1/responses/../sleep", "/v1/responses/resp_a/cancel/x",
    "/v1/responses/resp_" + "a" * 200, "/%2e%2e/sleep", "/..;/sleep", "/v1/%c0%ae%c0%ae/sleep",
    "/v1/%u0063hat/completions",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", [*ENGINE_ONLY, *SPELLINGS])
def test_a_path_outside_the_table_reaches_no_engine(bench, path, method):
    seen = bench.state()["seen"]
    body = bench.body("good") if method == "POST" else b""
    reply = talk(bench.port, request(body, bench.gateway.key, path, method=method))
    assert reply.status in (400, 404, 405), reply.raw[:300]
    assert reply.clean
    assert reply.error["message"]
    assert bench.state()["seen"] == seen


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/docs", "/metrics"])
def test_what_an_engine_has_too_is_the_gateways_own(bench, path, method):
    seen = bench.state()["seen"]
    reply = talk(bench.port, request(b"", bench.gateway.key, path, method=method))
    assert (reply.status, reply.clean) == (200 if method == "GET" else 405, True)
    assert bench.state()["seen"] == seen


def test_the_description_is_the_gateways_own_and_asks_no_engine(bench):
    seen = bench.state()["seen"]
    reply = talk(bench.port, request(b"", bench.gateway.key, "/openapi.json", method="GET"))
    assert (reply.status, reply.clean) == (200, True)
    assert "/api/usage" in json.loads(reply.body)["paths"]
    assert bench.state()["seen"] == seen


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_a_route_takes_its_own_method_only(bench, method):
    seen = bench.state()["seen"]
    reply = talk(bench.port, request(bench.body("good"), bench.gateway.key, method=method))
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert bench.state()["seen"] == seen


def test_a_query_does_not_reach_the_engine(bench):
    path = f"{CHAT}?a=%2e%2e&b=/../x#c"
    assert talk(bench.port, request(bench.body("good"), bench.gateway.key, path)).status == 200
    assert bench.state()["last"].startswith(f"POST {CHAT} HTTP/1.1\r\n")
