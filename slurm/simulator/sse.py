"""Event streams of the completion routes: framing, usage, the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slurm.simulator.engine import Job, Token
from slurm.simulator.errors import ApiError
from slurm.simulator.exchange import Response, dumps
from slurm.simulator.state import VERSION, State

FINGERPRINT = f"vllm-{VERSION}-simulated"
DONE = "data: [DONE]\n\n"
Chunk = dict[str, Any]


@dataclass(frozen=True)
class StreamOptions:
    """usage: a last chunk with no choices tells it; continuous: every chunk tells it so far."""

    usage: bool
    continuous: bool

    @classmethod
    def of(cls, body: Chunk) -> StreamOptions:
        asked = body.get("stream_options") or {}
        usage = bool(asked.get("include_usage"))
        return cls(usage, usage and bool(asked.get("continuous_usage_stats")))


class Chunks(Protocol):
    """How one route words its stream."""

    def opening(self) -> Sequence[Chunk]: ...

    def token(self, token: Token) -> Chunk: ...

    def closing(self) -> Sequence[Chunk]: ...

    def template(self, index: int) -> Chunk | None:
        """The chunk of a token in the middle with text MARK, if only the text differs."""


MARK = "\x00"


async def stream(state: State, response: Response, job: Job, chunks: Chunks) -> None:
    """Relay the job as `data:` events; the status goes out before the first token, as in vLLM."""
    response.start()
    encode = _encoder(chunks, job)
    tokens = state.engine.run(job)
    opening = [_event(chunk) for chunk in chunks.opening()]
    try:
        async for batch in tokens:
            await response.write(opening + [encode(token) for token in batch])
            opening = []
        ending = [_event(chunk) for chunk in chunks.closing()]
    except ApiError as error:  # the status is out already: vLLM tells it in the stream
        ending = [_event(error.body)]
    finally:
        await tokens.aclose()
    await response.write([*ending, DONE])
    response.finish()


def _encoder(chunks: Chunks, job: Job) -> Callable[[Token], str]:
    """Most chunks of a stream differ in their text alone: build the rest of them only once."""
    frames: list[tuple[str, str]] = []
    for index in range(len(job.answers)):
        template = chunks.template(index)
        if template is None:
            return lambda token: _event(chunks.token(token))
        before, _, after = _event(template).partition(dumps(MARK))
        frames.append((before, after))

    def encode(token: Token) -> str:
        if token.last:
            return _event(chunks.token(token))
        before, after = frames[token.index]
        return before + dumps(token.text) + after

    return encode


def _event(chunk: Chunk) -> str:
    return f"data: {dumps(chunk)}\n\n"


def usage(prompt_tokens: int, completion_tokens: int) -> Chunk:
    """The counts in a stream."""
    return {
        "prompt_tokens": prompt_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "completion_tokens": completion_tokens,
    }


def full_usage(prompt_tokens: int, completion_tokens: int) -> Chunk:
    """The counts of a whole answer: the same, and two members vLLM leaves null."""
    details = {"prompt_tokens_details": None, "completion_tokens_details": None}
    return {**usage(prompt_tokens, completion_tokens), **details}
