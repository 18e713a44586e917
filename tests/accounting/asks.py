"""The requests of a run: which, how many of each, and what their engine has to count for them."""

import enum
import functools
import json
import random
from dataclasses import dataclass

from slurm.simulator import prompts, text

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
MESSAGES, RESPONSES = "/v1/messages", "/v1/responses"
# Only what ends goes to the first: there, engine and accounts must agree to the last token.
WHOLE, MIXED = "whole", "mixed"
STEADY, LEAVER, FAULTY, STRANGER = "steady", "leaver", "faulty", "stranger"
ASKERS = (STEADY, LEAVER, FAULTY)
TOPICS = ("hello there", "sum 1 to 100", "Grüße aus Jülich 🚀", "a b c d e f g h " * 8)


class Fate(enum.Enum):
    FINISHED = "finished"
    LEFT = "left"  # by the client, at a random moment
    BROKEN = "broken"  # by the engine, in mid-answer
    REFUSED = "refused"  # by the engine, before it counted anything
    UNHEARD = "unheard"  # by the gateway: no engine heard of it


@dataclass(frozen=True, slots=True)
class Ask:
    """prompt, completion: what the engine counts if it gets to the end."""

    fate: Fate
    user: str
    model: str
    path: str
    body: bytes
    prompt: int = 0
    completion: int = 0
    stays_s: float | None = None  # the client leaves after so long


def draw(chance: random.Random) -> Ask:
    """The next request: three of five end well, the others do not."""
    (make,) = chance.choices(
        (_finished, _finished_beside, _left, _broken, _refused, _unheard),
        weights=(60, 12, 14, 2, 8, 4),
    )
    return make(chance)


def _finished(chance: random.Random, model: str = WHOLE) -> Ask:
    stream, size, topic = chance.random() < 0.5, chance.randint(1, 24), chance.choice(TOPICS)
    chat = [{"role": "user", "content": topic}]
    path = chance.choices((CHAT, COMPLETIONS, MESSAGES, RESPONSES), weights=(6, 2, 1, 1))[0]
    body: dict[str, object] = {"model": model, "stream": stream}
    if path == RESPONSES:
        body |= {"input": topic, "max_output_tokens": size}
    elif path == COMPLETIONS:
        body |= {"prompt": topic, "max_tokens": size}
    else:
        body |= {"messages": chat, "max_tokens": size}
    if stream and path in (CHAT, COMPLETIONS) and chance.random() < 0.5:
        body["stream_options"] = {"include_usage": True}
    prompt = _count(topic) if path == COMPLETIONS else _count_chat(topic)
    return Ask(Fate.FINISHED, STEADY, model, path, _bytes(body), prompt, size)


def _finished_beside(chance: random.Random) -> Ask:
    return _finished(chance, MIXED)


def _left(chance: random.Random) -> Ask:
    """Half of the answers take longer than their client stays."""
    size, topic = chance.randint(4, 40), chance.choice(TOPICS)
    pace = {"tokens_per_second": chance.choice((200, 500, 2000))}
    more = {"stream": chance.random() < 0.8, "simulator": pace}
    stays_s = chance.expovariate(1 / 0.04)
    return _chat(Fate.LEFT, LEAVER, topic, size, more, stays_s)


def _broken(chance: random.Random) -> Ask:
    size, topic = chance.randint(4, 24), chance.choice(TOPICS)
    fault = chance.choice(("cut_after_tokens", "error_after_tokens"))
    more = {"stream": chance.random() < 0.7, "simulator": {fault: chance.randrange(1, size)}}
    return _chat(Fate.BROKEN, FAULTY, topic, size, more)


def _refused(chance: random.Random) -> Ask:
    topic = chance.choice(TOPICS)
    if chance.random() < 0.5:
        wrong: dict[str, object] = {"max_tokens": -1}
    else:
        wrong = {"max_tokens": 5, "simulator": {"fail_with": 500}}
    body = {"model": WHOLE, "messages": [{"role": "user", "content": topic}], **wrong}
    return Ask(Fate.REFUSED, STEADY, WHOLE, CHAT, _bytes(body))


def _unheard(chance: random.Random) -> Ask:
    user, body = chance.choice(
        (
            (STRANGER, _bytes({"model": WHOLE, "messages": []})),
            (STEADY, _bytes({"model": "no-such-model", "messages": []})),
            (STEADY, b'{"model": 5}'),
            (STEADY, b'{"model": "whole", '),
        )
    )
    return Ask(Fate.UNHEARD, user, "", CHAT, body)


def _chat(
    fate: Fate,
    user: str,
    topic: str,
    size: int,
    more: dict[str, object],
    stays_s: float | None = None,
) -> Ask:
    messages = [{"role": "user", "content": topic}]
    body = {"model": MIXED, "messages": messages, "max_tokens": size, **more}
    return Ask(fate, user, MIXED, CHAT, _bytes(body), _count_chat(topic), size, stays_s)


def _bytes(body: object) -> bytes:
    return json.dumps(body).encode()


@functools.cache
def _count(prompt: str) -> int:
    return len(text.pieces(prompt))


@functools.cache
def _count_chat(topic: str) -> int:
    return _count(prompts.render_chat([{"role": "user", "content": topic}], ()))
