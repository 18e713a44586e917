"""From a request's body to the job the engine runs: the prompt as text, the answers, their ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from slurm.simulator import checks, text
from slurm.simulator.engine import Answer, Job
from slurm.simulator.exchange import dumps
from slurm.simulator.faults import Faults

Body = dict[str, Any]
END_OF_ANSWER = ""  # a token without text, as an end-of-sequence token is


def render_chat(messages: Sequence[Any], tools: Sequence[Any] = ()) -> str:
    """What a chat template makes of a conversation."""
    turns = [f"<|{_role(message)}|>{content_of(message)}\n" for message in messages]
    return "".join([*(dumps(tool) for tool in tools), *turns, "<|assistant|>"])


def content_of(message: Any) -> str:
    """The text of a message; parts that are no text (images) stand as their JSON."""
    content = message.get("content") if isinstance(message, dict) else message
    if isinstance(content, list):
        return "".join(
            str(part["text"]) if isinstance(part, dict) and "text" in part else dumps(part)
            for part in content
        )
    return "" if content is None else str(content)


def _role(message: Any) -> str:
    return str(message.get("role", "user")) if isinstance(message, dict) else "user"


def job(
    body: Body,
    prompt: str | Sequence[int],
    quoted: str,
    limits: tuple[int | None, int],
    faults: Faults,
) -> Job:
    """The job for one prompt, text or token ids. limits: (max_tokens asked for, max_model_len).

    Raises ApiError for what does not fit the model.
    """
    words = prompt if isinstance(prompt, str) else text.detokenize(prompt)
    size = len(text.pieces(prompt)) if isinstance(prompt, str) else len(prompt)
    max_tokens, max_model_len = limits
    checks.values(body, size, max_tokens, max_model_len)
    room = max_model_len - size
    budget = room if max_tokens is None else min(max_tokens, room)
    faults = faults.with_request(body)
    count = int(body.get("n") or 1)
    answers = (_answer(body, words, quoted, choice, budget, faults) for choice in range(count))
    return Job(prompt_tokens=size, answers=tuple(answers), faults=faults, n=count)


def _answer(
    body: Body, prompt: str, quoted: str, choice: int, budget: int, faults: Faults
) -> Answer:
    length = budget if body.get("ignore_eos") else faults.answer_tokens
    said = text.answer(prompt, quoted, choice, length)
    if not body.get("ignore_eos"):
        said.append(END_OF_ANSWER)
    reason = "length" if len(said) > budget or body.get("ignore_eos") else "stop"
    return stopped(Answer(said[:budget], reason), body.get("stop") or ())


def stopped(answer: Answer, stops: str | Sequence[str]) -> Answer:
    """The answer up to the first of the stop strings, which itself is not part of it."""
    wanted = [stops] if isinstance(stops, str) else list(stops)
    whole = answer.text
    found = [(whole.index(stop), stop) for stop in wanted if stop and stop in whole]
    if not found:
        return answer
    at, stop = min(found)
    kept: list[str] = []
    position = 0
    for piece in answer.pieces:  # tokens up to the one that completes the stop string
        if position >= at + len(stop):
            break
        kept.append(piece[: max(at - position, 0)])
        position += len(piece)
    return Answer(kept, "stop", stop)


def quote_chat(messages: Sequence[Any]) -> str:
    """What the answer begins with: the last message."""
    return content_of(messages[-1]).strip() if messages else ""
