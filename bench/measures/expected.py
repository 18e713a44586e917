"""What every answer of a subject must be, so that no figure stands on a wrong one."""

import json
from typing import Any

from bench.subjects.subject import Subject
from bench.upstream.answers import build_answers, request_body
from bench.wrk import Expected, WrongAnswers

# A peer that writes the answers anew cannot be held to the upstream's bytes: it is held to these
# lines, and to the length of an answer whose every word was looked at.
LIKE_JSON = b'says one token after another"\n"finish_reason":"stop"\n"completion_tokens":64'
LIKE_STREAM = b'"role":"assistant"\n" reads"\n"finish_reason":"stop"\ndata: [DONE]'


def expected_of(subject: Subject, kind: str) -> Expected:
    """For kind "json" or "fast". Raises WrongAnswers when a first answer is already wrong."""
    answers = build_answers()
    body = answers.expected_json if kind == "json" else answers.expected_stream
    if subject.exact:
        return Expected(200, body, exact=True)
    status, seen = subject.ask(request_body(kind, 1))
    if status != 200 or _told(seen, kind) != _told(body, kind):
        raise WrongAnswers(f"{subject.name} answers {status} {seen[:300]!r}")
    lines = LIKE_JSON if kind == "json" else LIKE_STREAM
    return Expected(200, lines, exact=False, length=len(seen))


def _told(body: bytes, kind: str) -> list[str]:
    """What a user reads: each piece of text, and the reason of the end."""
    try:
        if kind == "json":
            return _words(json.loads(body), "message")
        *events, done, rest = body.decode().split("\n\n")
        if done != "data: [DONE]" or rest:
            return ["a stream without its end"]
        return [word for event in events for word in _words(json.loads(event[6:]), "delta")]
    except (ValueError, LookupError, TypeError) as error:
        return [repr(error)]


def _words(told: dict[str, Any], member: str) -> list[str]:
    choice = told["choices"][0]
    found = (choice[member].get("content"), choice.get("finish_reason"))
    return [word for word in found if word]
