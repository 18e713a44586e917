"""What each request counts for, told or assumed."""

import pytest

from tests.web.usage.served import USAGE, request
from web.openai_proxy.counts import Usage
from web.openai_proxy.inquiry import Outcome
from web.usage.counting import MOST_PROMPT_TOKENS, Tokens, is_aborted, is_error, tokens_of

LEFT, BROKEN = Outcome.LEFT, Outcome.BROKEN
TOLD = Tokens(prompt=10, cached=2, completion=4, estimated=0)
UNTOLD_STREAM = Tokens(prompt=100, cached=0, completion=3, estimated=103)
NOTHING = Tokens()


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({}, TOLD),
        # A plain answer that tells nothing: a tokenizer's, a transcription's.
        ({"usage": None, "content_events": 0}, NOTHING),
        # A stream with an answer in it, of an engine that does not tell.
        ({"usage": None}, UNTOLD_STREAM),
        # Errors: what was told if anything, and nothing assumed.
        ({"status": 500, "usage": None}, NOTHING),
        ({"status": 400, "usage": USAGE}, TOLD),
        ({"status": 502, "outcome": BROKEN, "usage": None}, NOTHING),
        ({"status": 504, "outcome": BROKEN, "usage": None}, NOTHING),
        ({"status": 500, "outcome": LEFT, "usage": None}, NOTHING),
        # Streams that broke off.
        ({"outcome": LEFT, "usage": None}, UNTOLD_STREAM),
        ({"outcome": BROKEN, "usage": None}, UNTOLD_STREAM),
        # A plain answer that broke off, or never began.
        ({"outcome": LEFT, "usage": None, "content_events": 0}, Tokens(100, 0, 0, 100)),
        (
            {"outcome": LEFT, "status": 0, "usage": None, "content_events": 0},
            Tokens(100, 0, 0, 100),
        ),
        # All was told before the client left.
        ({"outcome": LEFT}, TOLD),
        # The prompt was told at the beginning, and of the answer less than went by since.
        (
            {"outcome": LEFT, "usage": Usage(10, 1, 2), "content_events": 7},
            Tokens(prompt=10, cached=2, completion=7, estimated=6),
        ),
        # More than the model can take was not read.
        ({"outcome": LEFT, "usage": None, "context_tokens": 50}, Tokens(50, 0, 3, 53)),
        (
            {"outcome": LEFT, "usage": None, "request_bytes": 10**8, "content_events": 0},
            Tokens(MOST_PROMPT_TOKENS, 0, 0, MOST_PROMPT_TOKENS),
        ),
    ],
)
def test_tokens_are_those_that_were_told_or_else_assumed_and_marked(changes, tokens):
    assert tokens_of(request(**changes)) == tokens


@pytest.mark.parametrize(
    ("changes", "error", "aborted"),
    [
        ({}, False, False),
        ({"status": 400}, True, False),
        ({"status": 500}, True, False),
        ({"status": 502, "outcome": BROKEN}, True, False),
        ({"outcome": BROKEN}, True, False),
        ({"outcome": LEFT}, False, True),
        ({"outcome": LEFT, "status": 0}, False, True),
        # Its client left an error behind: that is one thing, not two.
        ({"outcome": LEFT, "status": 500}, True, False),
    ],
)
def test_a_request_is_an_error_or_aborted_or_neither_and_never_both(changes, error, aborted):
    served = request(**changes)
    assert (is_error(served), is_aborted(served)) == (error, aborted)
