"""What an engine started with `--runner pooling` serves: embeddings, scores, reranking.

A vector depends on nothing but the text: every token votes for some dimensions, so texts that share
words are near one another.
"""

from __future__ import annotations

import base64
import math
import struct
import time
import zlib
from operator import mul
from typing import Any

from slurm.simulator import checks, sse, text
from slurm.simulator.engine import Job
from slurm.simulator.errors import ApiError, fault, invalid
from slurm.simulator.exchange import Request, Response
from slurm.simulator.state import State, new_id

Body = dict[str, Any]
DIMENSIONS = 128


async def embeddings(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    checks.form(body, ["input"])
    inputs = _inputs(body["input"])
    name, tokens = _admit(state, body, inputs)
    packed = body.get("encoding_format") == "base64"
    data = [
        {"index": index, "object": "embedding", "embedding": _encoded(vector(given), packed)}
        for index, given in enumerate(inputs)
    ]
    head = {"id": f"embd-{new_id()}", "object": "list", "created": int(time.time())}
    response.send_json(200, {**head, "model": name, "data": data, "usage": _usage(tokens)})


async def score(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    first, others = _pair(body, ("text_1", "text_2"), ("queries", "documents"))
    name, tokens = _admit(state, body, [first, *others])
    data = [
        {"index": index, "object": "score", "score": similarity(first, other)}
        for index, other in enumerate(others)
    ]
    head = {"id": f"score-{new_id()}", "object": "list", "created": int(time.time())}
    response.send_json(200, {**head, "model": name, "data": data, "usage": _usage(tokens)})


async def rerank(state: State, request: Request, response: Response) -> None:
    body = checks.json_body(request)
    query, documents = _pair(body, ("query", "documents"))
    name, tokens = _admit(state, body, [query, *documents])
    scores = [similarity(query, document) for document in documents]
    ranked = sorted(range(len(documents)), key=lambda index: -scores[index])
    results = [
        {
            "index": index,
            "document": {"text": documents[index], "multi_modal": None},
            "relevance_score": scores[index],
        }
        for index in ranked[: int(body.get("top_n") or len(ranked))]
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    answer = {"id": f"score-{new_id()}", "model": name, "usage": usage, "results": results}
    response.send_json(200, answer)


def _inputs(given: Any) -> list[str]:
    """One text for each input: a text, ids of tokens, or a list of either."""
    if isinstance(given, str):
        return [given]
    if isinstance(given, list) and given and isinstance(given[0], int):
        return [text.detokenize(given)]
    if isinstance(given, list):
        return [each if isinstance(each, str) else text.detokenize(each) for each in given]
    raise invalid([fault("string_type", "body.input", "Input should be a valid string", given)])


def _pair(body: Body, *names: tuple[str, str]) -> tuple[str, list[str]]:
    """The query and what it is compared with, under the first pair of names that is there."""
    for one, many in names:
        if one in body and many in body:
            others = body[many] if isinstance(body[many], list) else [body[many]]
            query = body[one][0] if isinstance(body[one], list) else body[one]
            return str(query), [str(other) for other in others]
    missing = [name for name in names[0] if name not in body]
    raise invalid([fault("missing", f"body.{name}", "Field required", body) for name in missing])


def _admit(state: State, body: Body, inputs: list[str]) -> tuple[str, int]:
    """The served name and the tokens of all inputs. Raises ApiError for what does not fit."""
    names = state.options.served_names
    if body.get("model") and body["model"] not in names:
        # Pooling routes name neither the aliases nor the parameter.
        raise ApiError(f"The model `{body['model']}` does not exist.", None, 404)
    if body.get("input") == "":
        raise ApiError("The decoder prompt cannot be empty")
    sizes = [len(text.pieces(given)) for given in inputs]
    for size in sizes:
        checks.values({}, size, 1, state.options.max_model_len)
    faults = state.options.faults.with_request(body)
    state.admit(Job(prompt_tokens=sum(sizes), answers=(), faults=faults))
    state.engine.counters.prompt_tokens += sum(sizes)
    return names[0], sum(sizes)


def _usage(tokens: int) -> Body:
    return sse.full_usage(tokens, 0)


def vector(given: str) -> list[float]:
    """A unit vector of DIMENSIONS numbers."""
    votes = [0.0] * DIMENSIONS
    for piece in text.pieces(given):
        seed = zlib.crc32(piece.strip().lower().encode("utf-8", "replace"))
        for shift in (0, 7, 14, 21):
            votes[(seed >> shift) % DIMENSIONS] += 1.0 if seed >> 31 else -1.0
    length = math.sqrt(sum(vote * vote for vote in votes)) or 1.0
    return [vote / length for vote in votes]


def _encoded(numbers: list[float], packed: bool) -> list[float] | str:
    raw = struct.pack(f"<{len(numbers)}f", *numbers)
    # Rounded to 32 bits either way: both encodings tell the same numbers.
    return (
        base64.b64encode(raw).decode() if packed else list(struct.unpack(f"<{len(numbers)}f", raw))
    )


def similarity(first: str, second: str) -> float:
    """The cosine of two texts."""
    return float(sum(map(mul, vector(first), vector(second))))
