"""Limits in the words of OpenAI's API."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from tests.web.limits.conftest import rule
from web.limits.counting import NO_ROOMS, Kind, Refused, Room, Rooms
from web.limits.telling import above_share, duration, limit_headers, quota_exceeded, rate_limited
from web.openai_proxy.envelope import error_body, error_headers

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0s"), (0.017, "17ms"), (1, "1s"), (1.5, "1.5s"), (59.9999, "60s"), (60, "1m0s"),
     (360, "6m0s"), (3600, "1h0m0s"), (7384.2, "2h3m5s")],
)  # fmt: skip
def test_a_length_of_time_is_told_as_openai_tells_it(seconds, told):
    assert duration(seconds) == told


def test_the_headers_have_openais_names():
    rooms = Rooms(Room(60, 59, 1.0), Room(150_000, 149_984, 360.0))

    assert limit_headers(rooms) == [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "1s"),
        ("x-ratelimit-limit-tokens", "150000"),
        ("x-ratelimit-remaining-tokens", "149984"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ]
    assert limit_headers(NO_ROOMS) == []


@pytest.mark.parametrize(
    ("kind", "type_", "words"),
    [
        (Kind.REQUESTS, "requests", "requests per minute of the user alice: limit 3. Please try"),
        (Kind.TOKENS, "tokens", "tokens per minute of the user alice: limit 3. Please try again"),
        (Kind.PARALLEL, "requests", "parallel requests of the user alice: limit 3. There is room"),
    ],
)
def test_a_429_says_which_limit_whose_and_when(kind, type_, words):
    refused = Refused(rule(), kind, 3, 12.3, Rooms(Room(3, 0, 40.0)))
    error = rate_limited(refused, "m")
    told = msgspec.json.decode(error_body(error))["error"]

    assert (error.status, told["type"], told["code"]) == (429, type_, "rate_limit_exceeded")
    assert words in told["message"]
    headers = error_headers(error)
    assert headers["Retry-After"] == "13"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"] == "40s"


def test_a_limit_of_zero_promises_no_room():
    error = rate_limited(Refused(rule(), Kind.REQUESTS, 0, 60, NO_ROOMS), "m")

    assert "administrator" in error.message


@pytest.mark.parametrize(
    ("after", "retry_after", "should_retry"),
    [(timedelta(seconds=30), "30", "true"), (timedelta(seconds=100), "60", "true"),
     (timedelta(hours=12), "43200", "false")],
)  # fmt: skip
def test_a_budget_that_is_used_up_is_worth_a_retry_only_when_it_ends_soon(
    after, retry_after, should_retry
):
    error = quota_exceeded(rule(), "tokens per day", 12_345, 10_000, NOW + after, NOW)
    told = msgspec.json.decode(error_body(error))["error"]

    assert (error.status, told["type"], told["code"]) == (429, *2 * ("insufficient_quota",))
    assert "tokens per day of the user alice are used up (12,345 of 10,000)" in told["message"]
    headers = error_headers(error)
    assert (headers["Retry-After"], headers["x-should-retry"]) == (retry_after, should_retry)


def test_who_is_above_the_share_is_told_to_come_again():
    error = above_share("m", 4)

    assert (error.status, error.code) == (503, "server_is_overloaded")
    assert error.retry_after_s
    assert error.should_retry
