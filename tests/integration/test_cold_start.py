"""From a cold model to an answer, over real Slurm and SSH, as the stock client sees it."""

import openai
import pytest

from tests.gateway_process import Gateway
from tests.integration.kit import SlurmKit
from tests.integration.serving import (
    MESSAGES,
    MODEL,
    chat,
    only_job,
    refusal,
    refusal_where,
    wait_until_served,
)
from tests.waiting import wait_until


def test_the_first_request_is_told_to_wait_and_starts_exactly_one_job(
    slurm: SlurmKit, gateway: Gateway
):
    said = refusal(gateway)

    assert said is not None
    assert (said.status, said.code) == (503, "model_starting")
    assert 0 < int(said.headers["retry-after"]) <= 60
    assert said.headers["x-should-retry"] == "true"
    assert f"`{MODEL}`" in said.message

    wait_until_served(gateway)
    assert only_job(slurm)["name"].startswith("kscope-")


def test_a_stock_client_with_retries_is_served_without_a_loop_of_its_own(gateway: Gateway):
    answer = gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=8
    )

    assert answer.choices[0].message.content
    assert answer.usage.completion_tokens == 8


def test_a_stream_brings_the_same_text_as_a_plain_answer(gateway: Gateway):
    wait_until_served(gateway)

    chunks = list(
        gateway.client().chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=16, stream=True
        )
    )

    assert len(chunks) > 2
    streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert streamed == chat(gateway)


def test_full_nodes_are_told_as_slurms_reason_in_words_with_the_job_id(
    slurm: SlurmKit, gateway: Gateway
):
    fillers = slurm.sbatch_filler()

    said = refusal_where(gateway, "pending")
    job = only_job(slurm)
    wait_until(lambda: slurm.job(job["id"])["reason"] == "Resources", what="Slurm names the reason")
    wait_until(lambda: gateway.model(MODEL)["reason"] == "Resources", what="the gateway knows it")
    said = refusal_where(gateway, "pending")

    assert (said.status, said.code, said.members["job_id"]) == (503, "model_starting", job["id"])
    assert said.members["reason"] == "Resources"
    assert f"job {job['id']} is PENDING (Resources)" in said.message
    assert "free" in said.message  # waits for nodes or GPUs to become free
    assert 0 < int(said.headers["retry-after"]) <= 60
    assert len(slurm.live_jobs()) == 1

    slurm.scancel(*fillers)
    wait_until_served(gateway)
    assert only_job(slurm)["id"] == job["id"]


def test_a_job_cancelled_by_hand_is_noticed_told_and_replaced_when_asked(
    slurm: SlurmKit, gateway: Gateway
):
    wait_until_served(gateway)
    first = only_job(slurm)["id"]

    slurm.scancel(first)
    # Asking for the list starts nothing, so the cause is not overtaken by the next launch.
    wait_until(lambda: gateway.model(MODEL)["state"] == "cold", 20, "the gateway noticed")
    said = refusal(gateway)

    assert said is not None
    assert said.status == 503
    assert first in said.message
    assert "cancelled" in said.message.lower()
    wait_until_served(gateway)
    assert only_job(slurm)["id"] != first


def test_an_unknown_model_asks_slurm_for_nothing(slurm: SlurmKit, gateway: Gateway):
    said = refusal(gateway, model="no/such-model")

    assert said is not None
    assert (said.status, said.code) == (404, "model_not_found")
    assert slurm.live_jobs() == []


def test_a_key_is_needed_before_anything_is_launched(slurm: SlurmKit, gateway: Gateway):
    stranger = openai.OpenAI(base_url=f"{gateway.base_url}/v1", api_key="sk-wrong", max_retries=0)

    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.chat.completions.create(model=MODEL, messages=MESSAGES)

    assert caught.value.code == "invalid_api_key"
    assert gateway.model(MODEL)["state"] == "cold"
    assert slurm.live_jobs() == []
