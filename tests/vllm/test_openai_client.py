"""Both engines through the client that most people use."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest
from openai import OpenAI

from tests.vllm.cases import WEATHER
from tests.vllm.engines import KEY, MAX_MODEL_LEN, NAME, Engine


@pytest.fixture
def client(engine: Engine) -> Iterator[OpenAI]:
    with OpenAI(base_url=engine.base_url, api_key=KEY, max_retries=0) as opened:
        yield opened


def _hello(client: OpenAI, **members: object) -> object:
    messages = [{"role": "user", "content": "Grüße"}]
    return client.chat.completions.create(model=NAME, messages=messages, **members)


def test_models_tell_their_length(client: OpenAI) -> None:
    first = client.models.list().data[0]
    assert (first.id, first.max_model_len) == (NAME, MAX_MODEL_LEN)


def test_a_stream_of_chat_chunks(client: OpenAI) -> None:
    chunks = list(_hello(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.total_tokens > 10


def test_a_tool_call_whole_and_streamed(client: OpenAI) -> None:
    call = _hello(client, tools=[WEATHER]).choices[0].message.tool_calls[0].function
    parts = [
        part.function
        for chunk in _hello(client, tools=[WEATHER], stream=True)
        for part in chunk.choices[0].delta.tool_calls or []
    ]
    assert [part.name for part in parts if part.name] == [call.name] == ["get_weather"]
    assert "".join(part.arguments or "" for part in parts) == call.arguments


def test_a_completion(client: OpenAI) -> None:
    done = client.completions.create(model=NAME, prompt="Grüße", max_tokens=5)
    assert (done.choices[0].finish_reason, done.usage.completion_tokens) == ("length", 5)


def test_a_response_whole_and_streamed(client: OpenAI) -> None:
    whole = client.responses.create(model=NAME, input="Grüße")
    events = list(client.responses.create(model=NAME, input="Grüße", stream=True))
    assert events[-1].type == "response.completed"
    assert events[-1].response.output_text == whole.output_text != ""


def test_errors_have_their_classes(client: OpenAI, engine: Engine) -> None:
    with pytest.raises(openai.BadRequestError, match="max_tokens must be at least 1"):
        _hello(client, max_tokens=-1)
    with pytest.raises(openai.NotFoundError, match="The model `other` does not exist"):
        client.completions.create(model="other", prompt="x")
    with (
        OpenAI(base_url=engine.base_url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_embeddings(pooling_engine: Engine) -> None:
    with OpenAI(base_url=pooling_engine.base_url, api_key=KEY, max_retries=0) as client:
        found = client.embeddings.create(model=NAME, input=["Grüße", "Hallo"])
    assert [len(each.embedding) for each in found.data] == [128, 128]
    length = sum(number * number for number in found.data[0].embedding)
    assert length == pytest.approx(1, abs=1e-3)
