"""What engines tell of the tokens they used, in the words of each dialect. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Raw, Struct

from web.openai_proxy.table import Dialect

# What says that it used more than a billion tokens for one request is not believed.
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**30)]
_SPACE = " \t\r\n"
_LAST_OF_A_RESPONSE = {"response.completed", "response.incomplete", "response.failed"}


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request. Those read from the engine's prefix cache are part of the prompt."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class _Details(Struct):
    cached_tokens: _Count | None = None


class _OpenAI(Struct):
    prompt_tokens: _Count
    completion_tokens: _Count | None = None
    prompt_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        cached = self.prompt_tokens_details and self.prompt_tokens_details.cached_tokens
        return Usage(self.prompt_tokens, self.completion_tokens or 0, cached or 0)


class _Responses(Struct):
    input_tokens: _Count
    output_tokens: _Count
    input_tokens_details: _Details | None = None

    def usage(self) -> Usage:
        cached = self.input_tokens_details and self.input_tokens_details.cached_tokens
        return Usage(self.input_tokens, self.output_tokens, cached or 0)


class _Anthropic(Struct):
    # vLLM 0.32, anthropic/serving.py: input_tokens leaves out both of the cache's.
    input_tokens: _Count | None = None
    output_tokens: _Count | None = None
    cache_read_input_tokens: _Count | None = None
    cache_creation_input_tokens: _Count | None = None

    def usage(self, before: Usage | None = None) -> Usage | None:
        """What is said here, and for the rest what was said earlier in the stream."""
        if self.input_tokens is None and before is None:
            return None
        prompt, completion, cached = (
            (before.prompt_tokens, before.completion_tokens, before.cached_tokens)
            if before
            else (0, 0, 0)
        )
        if self.input_tokens is not None:
            cached = self.cache_read_input_tokens or 0
            prompt = self.input_tokens + cached + (self.cache_creation_input_tokens or 0)
        return Usage(
            prompt, completion if self.output_tokens is None else self.output_tokens, cached
        )


class Chunk(Struct):
    """An event of a chat or completions stream, as far as it concerns usage."""

    choices: list[Raw] | None = None
    usage: _OpenAI | None = None
    system_fingerprint: Raw = Raw(b"null")

    @property
    def only_tells_usage(self) -> bool:
        return self.usage is not None and self.choices == []


class _OpenAIAnswer(Struct):
    usage: _OpenAI | None = None


class _ResponsesAnswer(Struct):
    usage: _Responses | None = None


class _AnthropicAnswer(Struct):
    usage: _Anthropic | None = None


class _ResponsesEvent(Struct):
    type: str
    response: _ResponsesAnswer


class _AnthropicEvent(Struct):
    message: _AnthropicAnswer | None = None
    usage: _Anthropic | None = None


_answers: Mapping[
    Dialect, msgspec.json.Decoder[_OpenAIAnswer | _ResponsesAnswer | _AnthropicAnswer]
]
_answers = {
    Dialect.OPENAI: msgspec.json.Decoder(_OpenAIAnswer),
    Dialect.RESPONSES: msgspec.json.Decoder(_ResponsesAnswer),
    Dialect.ANTHROPIC: msgspec.json.Decoder(_AnthropicAnswer),
}
_chunk = msgspec.json.Decoder(Chunk)
_responses_event = msgspec.json.Decoder(_ResponsesEvent)
_anthropic_event = msgspec.json.Decoder(_AnthropicEvent)
# MsgspecError: no JSON, or not of the shape; the others: bytes that are no UTF-8, absurd depth.
_UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def content_mark(dialect: Dialect) -> bytes:
    """What stands once in each event that carries a piece of the answer, in practice one token.

    It is a member of the event's JSON: within a text its quotes would be escaped. One that two
    packets share is missed; that is good enough for the estimates it is for.
    """
    return _content_marks[dialect]


def of_answer(dialect: Dialect, body: bytes) -> Usage | None:
    """The usage in a whole JSON answer; None when it tells none."""
    try:
        told = _answers[dialect].decode(body).usage
    except _UNREADABLE:
        return None
    return told.usage() if told else None


def of_tail(dialect: Dialect, tail: bytes) -> Usage | None:
    """The usage that is told last in an answer of which only the end is left."""
    _, told, after = tail.rpartition(b'"usage"')
    try:
        text = after.decode().lstrip(_SPACE).removeprefix(":").lstrip(_SPACE)
        usage, _end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return of_answer(dialect, msgspec.json.encode({"usage": usage})) if told else None


def read_chunk(event: bytes) -> Chunk | None:
    """An event's JSON as a chunk; None when it is something else, an error for instance."""
    try:
        return _chunk.decode(event)
    except _UNREADABLE:
        return None


def of_event(dialect: Dialect) -> Callable[[bytes, Usage | None], Usage | None]:
    """Reads one event's JSON: (event, usage known before it) -> usage known with it."""
    return _readers[dialect]


_content_marks: Mapping[Dialect, bytes] = {
    Dialect.OPENAI: b'"finish_reason"',  # in each choice of each chunk, null but in the last
    Dialect.RESPONSES: b'.delta"',
    Dialect.ANTHROPIC: b'"content_block_delta"',
}


def _of_chunk(event: bytes, before: Usage | None) -> Usage | None:
    chunk = read_chunk(event)
    return chunk.usage.usage() if chunk and chunk.usage else before


def _of_responses_event(event: bytes, before: Usage | None) -> Usage | None:
    try:
        read = _responses_event.decode(event)
    except _UNREADABLE:
        return before
    told = read.response.usage if read.type in _LAST_OF_A_RESPONSE else None
    return told.usage() if told else before


def _of_anthropic_event(event: bytes, before: Usage | None) -> Usage | None:
    try:
        read = _anthropic_event.decode(event)
    except _UNREADABLE:
        return before
    told = read.message.usage if read.message else read.usage
    return told.usage(before) if told else before


_readers: Mapping[Dialect, Callable[[bytes, Usage | None], Usage | None]] = {
    Dialect.OPENAI: _of_chunk,
    Dialect.RESPONSES: _of_responses_event,
    Dialect.ANTHROPIC: _of_anthropic_event,
}
