"""What users of stock clients see: an answer, a stream, and a 503 as their client's own error."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients import kit
from tests.embedded.conftest import ENTRY, MODEL
from tests.gateway_process import Gateway
from tests.local_gateway import running

# The first test of each kind also installs its clients.
pytestmark = pytest.mark.timeout(900)

PROMPT = "Grüße aus 東京 🚀"
SCRIPT_TIMEOUT_S = 60
# client -> the name of its own error for a 503.
ERRORS = {
    "openai-python": "InternalServerError",
    "openai-node": "InternalServerError",
    "langchain": "OpenAIAPIError",
    "ai-sdk openai-compatible": "APICallError",
    "ai-sdk openai-chat": "APICallError",
    "ai-sdk openai-responses": "APICallError",
}


def cold_model(client: str) -> str:
    """One for each client: the first who asks has it started."""
    return f"cold-{client.replace(' ', '-')}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    never_ready = {**ENTRY, "aliases": [], "engine_args": {"startup-seconds": 3600}}
    cold = [{**never_ready, "name": cold_model(client)} for client in ERRORS]
    with running(Gateway(tmp_path_factory.mktemp("gateway"), [ENTRY, *cold])) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def expected(gateway: Gateway) -> str:
    """The answer, as the gateway's bytes have it."""
    answer = gateway.client(max_retries=20).chat.completions.with_raw_response.create(
        model=MODEL, messages=[{"role": "user", "content": PROMPT}], max_tokens=40
    )
    return str(json.loads(answer.content)["choices"][0]["message"]["content"])


def argv(client: str, folder: Path) -> list[str]:
    """What asks as this client. Node looks for packages beside the script."""
    if client == "openai-python":
        return [sys.executable, str(kit.HERE / "ask_openai.py")]
    if client == "langchain":
        return [str(kit.langchain_python()), str(kit.HERE / "ask_langchain.py")]
    script = "openai_node.mjs" if client == "openai-node" else "ai_sdk.mjs"
    (folder / "node_modules").symlink_to(kit.node_modules())
    shutil.copy(kit.HERE / script, folder)
    return ["node", str(folder / script)]


@pytest.fixture(scope="module", params=ERRORS)
def client(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def seen(
    client: str, gateway: Gateway, expected: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the client saw."""
    folder = tmp_path_factory.mktemp("script")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "BASE_URL": f"{gateway.base_url}/v1",
        "API_KEY": gateway.key,
        "MODEL": MODEL,
        "COLD_MODEL": cold_model(client),
        "FACE": client.rpartition(" ")[2],
        "PROMPT": PROMPT,
    }
    done = subprocess.run(
        argv(client, folder), env=env, capture_output=True, text=True, timeout=SCRIPT_TIMEOUT_S,
        check=False, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_a_chat_is_answered(seen: dict[str, Any], expected: str) -> None:
    assert not expected.isascii()
    assert seen["chat"] == expected


def test_a_stream_brings_the_same_words_in_pieces(seen: dict[str, Any], expected: str) -> None:
    assert "".join(seen["stream"]) == expected
    assert len(seen["stream"]) > 10


@pytest.mark.parametrize("way", ["refused", "refused_stream"])
def test_a_cold_model_is_the_clients_own_error(seen: dict[str, Any], client: str, way: str) -> None:
    refused = seen[way]

    assert refused["own"], refused
    assert (refused["kind"], refused["status"]) == (ERRORS[client], 503)
    assert refused["code"] == "model_starting"
    assert cold_model(client) in refused["message"]
    assert 1 <= int(refused["retry_after"]) <= 60
