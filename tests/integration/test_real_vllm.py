"""The whole path with a real engine: gateway, SSH, sbatch, real vLLM on a CPU, and back."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import openai
import pytest
import requests

from tests.gateway_process import REPOSITORY, Gateway
from tests.integration.kit import SlurmKit
from tests.integration.kit.processes import environment_of, kit_pids
from tests.integration.serving import only_job, refusal, wait_until_served
from tests.vllm.cases import WEATHER
from tests.vllm.conftest import kit as vllm_kit
from tests.vllm.kit import VllmKit

# Installing it comes first, where it is not there yet.
pytestmark = [pytest.mark.vllm, pytest.mark.timeout(1800)]

MODEL = "test-org/Tiny-Real"
# Loading the engine on a busy machine of two cores.
START_S = 240
EVIDENCE = REPOSITORY / ".cache/evidence"
PAIRS_OF_STREAMS = 8
CHAT = {"model": MODEL, "messages": [{"role": "user", "content": "Grüße 日本"}], "temperature": 0}

kit = vllm_kit


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway and, for comparison, the engine behind it without the gateway."""

    gateway: Gateway
    job_id: str
    refused_at_first: bool
    direct_url: str
    direct_key: str

    def post(
        self, path: str, body: dict[str, object], direct: bool = False, stream: bool = False
    ) -> requests.Response:
        base, key = (
            (self.direct_url, self.direct_key)
            if direct
            else (self.gateway.base_url, self.gateway.key)
        )
        return requests.post(
            base + path,
            data=json.dumps(body),
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
            timeout=60,
            stream=stream,
        )


@pytest.fixture(scope="module")
def served(
    slurm_session: SlurmKit, kit: VllmKit, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    entry = {
        "name": MODEL,
        "path": str(kit.model_dir),
        "gpus": 1,
        "command": list(kit.command),
        "engine_args": kit.engine_args,
        "env": kit.env,
    }
    gateway = Gateway(tmp_path_factory.mktemp("vllm"), [entry], slurm_session.gateway_env())
    gateway.start()
    try:
        cold = refusal(gateway, MODEL)
        wait_until_served(gateway, MODEL, START_S)
        job = only_job(slurm_session)
        port, key = engine_of(slurm_session, job["id"])
        url = f"http://{job['node']}:{port}"
        yield Served(gateway, job["id"], cold is not None and cold.status == 503, url, key)
    finally:
        gateway.kill9()
        slurm_session.cancel_all()
        print(f"--- gateway\n{gateway.log_tail()}")


def engine_of(slurm: SlurmKit, job_id: str) -> tuple[int, str]:
    """Port and key of the job's engine, as its process has them."""
    for pid in kit_pids(slurm.folder):
        environment = environment_of(pid)
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if environment.get("SLURM_JOB_ID") == job_id and "--port" in argv:
            return int(argv[argv.index("--port") + 1]), environment["VLLM_API_KEY"]
    raise AssertionError(f"no engine of job {job_id}")


def unnamed(answer: bytes) -> bytes:
    """Without what differs between any two answers: the request's id and the second."""
    return re.sub(rb'"id":"(?:chatcmpl|cmpl|chatcmpl-tool)-[^"]*"|"created":\d+', b"", answer)


def test_a_cold_model_is_refused_then_started_and_serves(served: Served) -> None:
    assert served.refused_at_first
    answer = served.post("/v1/chat/completions", CHAT)
    assert answer.status_code == 200
    assert answer.headers["x-kscope-instance"]


def test_plain_answers_are_the_engines_bytes_with_its_usage(served: Served) -> None:
    ours = served.post("/v1/chat/completions", CHAT)
    direct = served.post("/v1/chat/completions", CHAT, direct=True)

    assert unnamed(ours.content) == unnamed(direct.content)
    assert ours.headers["content-type"] == direct.headers["content-type"]
    assert ours.json()["usage"]["completion_tokens"] > 0


def test_a_streams_unicode_bytes_are_the_engines(served: Served) -> None:
    body = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}

    # vLLM puts tokens that are waiting into one chunk, so two equal streams may differ by timing,
    # also when both are asked for directly: equal bytes are what one of several pairs must have.
    for _ in range(PAIRS_OF_STREAMS):
        ours = served.post("/v1/chat/completions", body, stream=True)
        ours_bytes = b"".join(ours.iter_content(None))
        direct = served.post("/v1/chat/completions", body, direct=True, stream=True)
        if unnamed(ours_bytes) == unnamed(direct.content):
            break

    assert ours.headers["content-type"] == direct.headers["content-type"]
    assert unnamed(ours_bytes) == unnamed(direct.content)
    assert max(ours_bytes) >= 0x80  # not ASCII alone
    assert ours_bytes.endswith(b"data: [DONE]\n\n")
    assert b'"usage":{' in ours_bytes


def test_a_tool_call_arrives_whole_and_streamed(served: Served) -> None:
    with served.gateway.client() as client:
        asked = {"model": MODEL, "messages": CHAT["messages"], "tools": [WEATHER]}
        whole = client.chat.completions.create(**asked)
        chunks = list(client.chat.completions.create(**asked, stream=True))

    call = whole.choices[0].message.tool_calls[0].function
    parts = [p for c in chunks if c.choices for p in c.choices[0].delta.tool_calls or []]
    assert call.name == "get_weather"
    assert "".join(part.function.arguments or "" for part in parts) == call.arguments


def test_the_engines_own_400_is_passed_on_unchanged(served: Served) -> None:
    body = {**CHAT, "max_tokens": -1}

    ours = served.post("/v1/chat/completions", body)
    direct = served.post("/v1/chat/completions", body, direct=True)

    assert (ours.status_code, direct.status_code) == (400, 400)
    assert ours.content == direct.content
    assert ours.headers["content-type"] == direct.headers["content-type"]
    with served.gateway.client() as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "x"}], max_tokens=-1
        )


def test_the_run_leaves_evidence_without_secrets(served: Served, slurm_session: SlurmKit) -> None:
    run = slurm_session.daemons.run
    script = run("scontrol", "write", "batch_script", served.job_id, "-").stdout
    secrets = re.findall(r'"(?:token|engine_api_key)": "([^"]+)"', script)
    for secret in secrets:
        script = script.replace(secret, "<masked>")
    stream = served.post("/v1/chat/completions", {**CHAT, "stream": True}, stream=True)
    first = next(stream.iter_content(None))
    stream.close()

    assert len(secrets) == 2
    assert served.direct_key in secrets
    queue = run("squeue").stdout
    assert served.job_id in queue
    assert first.startswith(b"data: {")
    EVIDENCE.mkdir(parents=True, exist_ok=True)
    (EVIDENCE / "batch_script.sh").write_text(script)
    (EVIDENCE / "squeue.txt").write_text(queue)
    (EVIDENCE / "first_chunk.txt").write_bytes(first)
