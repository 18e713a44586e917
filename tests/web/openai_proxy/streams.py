"""Event streams as vLLM 0.32 writes them, direct and with the usage that was asked for."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

FINGERPRINT = "vllm-0.32.0-5c95adc0"
HEAD = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": "m"}
DONE = b"data: [DONE]\n\n"
COUNTS = {"prompt_tokens": 14, "total_tokens": 17, "completion_tokens": 3}


def event(members: Any, end: str = "\n") -> bytes:
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False)
    return f"data: {text}{end}{end}".encode()


def chunk(choice: dict[str, Any] | None = None, **members: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [] if choice is None else [choice], **members}


def token(text: str, index: int = 0, finish: str | None = None) -> dict[str, Any]:
    choice = {"index": index, "delta": {"content": text}, "logprobs": None, "finish_reason": finish}
    return {**choice, "stop_reason": None} if finish else choice


def usage_event(end: str = "\n", **more: Any) -> bytes:
    return event(chunk(usage=COUNTS, **more), end)


@dataclass(frozen=True)
class Stream:
    """What a client gets who asks the engine directly, and what the engine sends when asked."""

    texts: Sequence[str] = ("Hallo", " Jülich", " 🚀")
    choices: int = 1
    end: str = "\n"
    fingerprint: str | None = FINGERPRINT
    between: dict[int, bytes] = field(default_factory=dict)

    @property
    def direct(self) -> bytes:
        stamp = {"system_fingerprint": self.fingerprint} if self.fingerprint else {}
        return b"".join(self._events(stamp)) + DONE

    @property
    def asked(self) -> bytes:
        stamp = {"system_fingerprint": self.fingerprint} if self.fingerprint else {}
        return b"".join(self._events({})) + usage_event(self.end, **stamp) + DONE

    def _events(self, stamp: dict[str, str]) -> Iterator[bytes]:
        opening = {"role": "assistant", "content": ""}
        for index in range(self.choices):
            choice = {"index": index, "delta": opening, "logprobs": None, "finish_reason": None}
            yield event(chunk(choice, prompt_token_ids=None, prompt_text=None), self.end)
        for place, text in enumerate(self.texts):
            yield self.between.get(place, b"")
            for index in range(self.choices):
                yield event(chunk(token(text, index)), self.end)
        for index in range(self.choices):
            yield event(chunk(token("", index, "stop"), **stamp), self.end)


# Texts that look like what the tap looks for, and bytes that a read may split.
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.sampled_from(
            [
                '"usage"',
                '"usage":{"prompt_tokens":1}',
                '"choices":[]',
                '"finish_reason":"stop"',
                "\n\ndata: [DONE]\n\n",
                "\r\n\r\n",
                "🚀",
                "}",
                '"system_fingerprint"',
                "x" * 300,
            ]
        ),
    ),
    max_size=8,
)


def split(data: bytes, cuts: Sequence[int]) -> list[bytes]:
    """data in pieces that end at these places (modulo its length); none is empty."""
    places = sorted({cut % len(data) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(places)]


CUTS = st.one_of(
    st.lists(st.integers(0, 10**6), max_size=30),
    st.just(range(10**4)),
)
