"""What the stock OpenAI client sees of a warm model."""

import asyncio
import time

import openai
import pytest

from tests.embedded.conftest import MODEL
from tests.waiting import wait_until

MESSAGES = [{"role": "user", "content": "Grüße aus 東京 🚀"}]
NON_ASCII = "Grüße aus 東京 🚀"


def test_a_plain_answer_carries_non_ascii_text_and_usage(gateway):
    answer = gateway.client().chat.completions.create(model=MODEL, messages=MESSAGES)
    assert not answer.choices[0].message.content.isascii()
    assert answer.usage.completion_tokens > 0


def test_a_stream_brings_the_same_text_in_pieces(gateway):
    create = gateway.client().chat.completions.create
    plain = create(model=MODEL, messages=MESSAGES, max_tokens=40).choices[0].message.content
    chunks = list(create(model=MODEL, messages=MESSAGES, max_tokens=40, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == plain
    assert len(chunks) > 10
    assert chunks[-1].choices[0].finish_reason == "length"


def test_usage_in_a_stream_comes_when_it_was_asked_for(gateway):
    stream = gateway.client().chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    last = list(stream)[-1]
    assert last.choices == []
    assert last.usage.total_tokens > 0


def test_the_async_client_is_served_plain_and_streamed_at_once(gateway):
    async def ask(client, stream):
        answer = await client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=20, stream=stream
        )
        if not stream:
            return answer.choices[0].message.content
        return "".join([c.choices[0].delta.content or "" async for c in answer])

    async def burst():
        base_url = f"{gateway.base_url}/v1"
        async with openai.AsyncOpenAI(base_url=base_url, api_key=gateway.key) as client:
            return await asyncio.gather(*(ask(client, n % 2 == 0) for n in range(64)))

    assert len(set(asyncio.run(burst()))) == 1


def test_the_alias_of_a_model_is_served_as_the_model(gateway):
    answer = gateway.client().chat.completions.create(model="demo-alias", messages=MESSAGES)
    assert answer.model == MODEL


def test_models_are_listed_with_their_status_and_length(gateway):
    (entry,) = gateway.client().models.list().data
    assert (entry.id, entry.object, entry.max_model_len) == (MODEL, "model", 2048)
    assert entry.status["state"] == "ready"
    assert gateway.client().models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize("key", ["wrong", "sk-ks-" + "a" * 46, "sk-ks-'; DROP TABLE api_keys;--"])
def test_a_wrong_key_is_an_authentication_error(gateway, key):
    with pytest.raises(openai.AuthenticationError) as refused:
        gateway.client().with_options(api_key=key).models.list()
    assert refused.value.code == "invalid_api_key"


def test_a_revoked_key_is_refused_within_a_second(make_gateway):
    gateway = make_gateway()
    client = gateway.client()
    assert client.models.list().data
    (record,) = [k for k in gateway.cli("keys", "list").splitlines() if "alice" in k]
    gateway.cli("keys", "revoke", record.split()[0])
    revoked_at = time.monotonic()

    def is_refused():
        try:
            client.models.list()
        except openai.AuthenticationError:
            return True
        return False

    wait_until(is_refused, 10, "the key is refused")
    assert time.monotonic() - revoked_at < 2


def test_an_unknown_model_is_not_found(gateway):
    with pytest.raises(openai.NotFoundError) as refused:
        gateway.client().chat.completions.create(model="nope", messages=MESSAGES)
    assert refused.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        gateway.client().models.retrieve("nope")


def test_the_engines_own_refusal_arrives_as_a_bad_request(gateway):
    with pytest.raises(openai.BadRequestError) as refused:
        gateway.client().chat.completions.create(model=MODEL, messages=MESSAGES, max_tokens=-1)
    assert refused.value.body["code"] == 400
