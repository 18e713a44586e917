"""Log probabilities: certain of every token, since nothing else could have been said."""

from __future__ import annotations

from typing import Any

_UNLIKELY = -20.0


def chat(body: dict[str, Any], pieces: list[str]) -> dict[str, Any] | None:
    """For /v1/chat/completions with `logprobs: true`."""
    if not body.get("logprobs"):
        return None
    count = int(body.get("top_logprobs") or 0)
    return {
        "content": [{**_entry(piece, 0), "top_logprobs": _top(piece, count)} for piece in pieces]
    }


def _top(piece: str, count: int) -> list[dict[str, Any]]:
    return [_entry(piece if rank == 0 else f" other{rank}", rank) for rank in range(count)]


def _entry(token: str, rank: int) -> dict[str, Any]:
    return {"token": token, "logprob": _UNLIKELY * rank, "bytes": list(token.encode())}


def completion(body: dict[str, Any], pieces: list[str], offset: int = 0) -> dict[str, Any] | None:
    """For /v1/completions with `logprobs: N`. offset: characters of the answer before `pieces`."""
    if body.get("logprobs") is None:
        return None
    count = int(body["logprobs"])
    offsets = [offset + len("".join(pieces[:index])) for index in range(len(pieces))]
    return {
        "text_offset": offsets,
        "token_logprobs": [0.0] * len(pieces),
        "tokens": pieces,
        "top_logprobs": [
            {entry["token"]: entry["logprob"] for entry in _top(piece, count)} for piece in pieces
        ],
    }
