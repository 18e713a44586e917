"""What a request counts for, and what is assumed where no engine told it. Pure.

A whole answer counts the tokens that its engine told, and none if it told none: a tokenizer's
answer, an error, an upload's. An error counts as one whether it is the engine's or the gateway's
own 502 or 504. A request that reached no engine counts nothing: a cold 503, a 429, a 401.

Where the engine could not tell, what follows is assumed, and marked as `estimated`:

- the prompt has a token for every BYTES_PER_TOKEN bytes of the request's body, at most as many as
  the model takes (`max-model-len` of its entry, else MOST_PROMPT_TOKENS);
- the answer has a token for every event with a piece of it that went towards the client, or as
  many as the engine had told until then, if that is more. A plain answer that broke off has none.

So it is for a client that left, an engine that stopped in mid-answer, and a stream that ended well
but told no usage. What was told until then is not estimated: an Anthropic stream begins with the
prompt's tokens. A request that an engine or the gateway answered with an error is never estimated.
"""

from dataclasses import dataclass

from web.openai_proxy.counts import Usage
from web.openai_proxy.inquiry import Outcome, Served

BYTES_PER_TOKEN = 4
MOST_PROMPT_TOKENS = 131_072


@dataclass(frozen=True, slots=True)
class Tokens:
    """`cached` is part of the prompt; `estimated` of prompt and completion is assumed."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    estimated: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.completion


def tokens_of(served: Served) -> Tokens:
    told = served.usage
    if served.status >= 400 or (served.outcome is Outcome.WHOLE and not _is_untold(served)):
        return _told(told) if told is not None else Tokens()
    return _estimated(served, told)


def is_error(served: Served) -> bool:
    return served.status >= 400 or served.outcome is Outcome.BROKEN


def is_aborted(served: Served) -> bool:
    return served.outcome is Outcome.LEFT and served.status < 400


def _is_untold(served: Served) -> bool:
    """A stream with an answer in it, whose engine told no usage."""
    return served.usage is None and served.content_events > 0


def _told(usage: Usage) -> Tokens:
    return Tokens(usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens)


def _estimated(served: Served, told: Usage | None) -> Tokens:
    known = told or Usage(prompt_tokens=0, completion_tokens=0)
    most = served.context_tokens or MOST_PROMPT_TOKENS
    prompt = known.prompt_tokens
    if told is None:
        prompt = min(served.request_bytes // BYTES_PER_TOKEN, most)
    completion = max(known.completion_tokens, served.content_events)
    assumed = prompt - known.prompt_tokens + completion - known.completion_tokens
    return Tokens(prompt, known.cached_tokens, completion, assumed)
