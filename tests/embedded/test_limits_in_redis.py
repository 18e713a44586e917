"""A gateway whose limits are counted in Redis, and Redis in trouble: nobody's request fails."""

import json
from contextlib import suppress

import openai
import pytest

from tests.embedded.conftest import MODEL
from tests.embedded.test_limits import MESSAGES, Person
from tests.redis_server import running_redis
from tests.waiting import wait_until


@pytest.fixture
def redis():
    with running_redis() as server:
        yield server


def limits_part(gateway) -> dict:
    return json.loads(gateway.get("/ready")[1])["parts"]["limits"]


@pytest.mark.parametrize("end", ["stop", "pause"])
def test_requests_go_on_while_redis_is_away_and_count_together_when_it_is_back(
    make_gateway, redis, end
):
    gateway = make_gateway(WEB_CONCURRENCY="2", RATELIMIT_STORAGE_URI=redis.url)
    ida = Person(gateway, "ida")
    ida.limit(requests_per_minute=1000, parallel_requests=10)
    gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=1
    )
    assert limits_part(gateway)["message"].startswith("counted in Redis")
    before = int(ida.ask().headers["x-ratelimit-remaining-requests"])
    getattr(redis, end)()

    def is_away() -> bool:
        assert ida.ask().headers["x-ratelimit-limit-requests"] in ("500", "1000")
        return "does not answer" in limits_part(gateway)["message"]

    # Two workers, and either may answer.
    assert all(wait_until(is_away, 15, "a worker has noticed") for _ in range(5))
    assert limits_part(gateway)["ok"]
    redis.start() if end == "stop" else redis.resume()

    def is_back() -> bool:
        left = int(ida.ask().headers["x-ratelimit-remaining-requests"])
        told = [limits_part(gateway)["message"].startswith("counted in Redis") for _ in range(8)]
        return all(told) and (end == "stop" or left < before)

    wait_until(is_back, 15, "both workers count in Redis again")
    ida.client.close()


def test_a_burst_of_many_requests_is_counted_exactly(make_gateway, redis):
    gateway = make_gateway(RATELIMIT_STORAGE_URI=redis.url)
    jana = Person(gateway, "jana")
    jana.limit(requests_per_minute=50)
    gateway.client(max_retries=20).chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=1
    )
    served = 0
    for _ in range(120):
        with suppress(openai.RateLimitError):
            jana.ask()
            served += 1

    assert served == 50
    jana.client.close()
