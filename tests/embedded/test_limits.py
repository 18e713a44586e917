"""Limits on the embedded gateway, as stock clients meet them."""

import contextlib
import http.client
import json
import time

import openai
import pytest

from tests.embedded.conftest import ENTRY, MODEL
from tests.waiting import wait_until

MESSAGES = [{"role": "user", "content": "hello there"}]
CHAT = "/v1/chat/completions"


class Person:
    """A user with a key and a stock client of their own."""

    def __init__(self, gateway, name: str) -> None:
        self.gateway = gateway
        self.name = name
        self.key = gateway.cli("keys", "create", "--user", name).strip()
        self.client = openai.OpenAI(
            base_url=f"{gateway.base_url}/v1", api_key=self.key, max_retries=0, timeout=30
        )

    def limit(self, **limits: object) -> None:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in limits.items()]
        self.gateway.cli("limits", "set", "--user", self.name, *options)
        # So long a change takes at most; the test below measures it.
        until = time.monotonic() + 1
        wait_until(lambda: time.monotonic() > until, 5)

    def ask(self, model=MODEL, **more):
        return self.client.chat.completions.with_raw_response.create(
            model=model, messages=MESSAGES, max_tokens=1, **more
        )

    @contextlib.contextmanager
    def stream(self, **simulator):
        """(status, answer) of a stream that hangs after a token, until the client leaves."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        body = {"model": MODEL, "messages": MESSAGES, "stream": True}
        body["simulator"] = simulator or {"hang_after_tokens": 1}
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        connection.request("POST", CHAT, json.dumps(body), headers)
        answer = connection.getresponse()
        try:
            yield answer
        finally:
            answer.close()
            connection.close()

    def is_let_in(self) -> bool:
        with self.stream() as answer:
            return answer.status == 200


@pytest.fixture
def person(gateway):
    made = []

    def make(name: str) -> Person:
        made.append(Person(gateway, name))
        return made[-1]

    yield make
    for each in made:
        gateway.cli("limits", "set", "--user", each.name, "--parallel-requests=none")
        each.client.close()


def test_an_answer_tells_what_is_left_and_the_next_one_too_many_is_a_429(person):
    anna = person("anna")
    assert "x-ratelimit-limit-requests" not in anna.ask().headers
    anna.limit(requests_per_minute=2, tokens_per_minute=1000)
    headers = anna.ask().headers
    anna.ask()
    with pytest.raises(openai.RateLimitError) as limited:
        anna.ask()

    assert headers["x-ratelimit-limit-requests"] == "2"
    assert headers["x-ratelimit-remaining-requests"] == "1"
    assert headers["x-ratelimit-reset-requests"] == "1m0s"
    assert headers["x-ratelimit-limit-tokens"] == "1000"
    assert (limited.value.type, limited.value.code) == ("requests", "rate_limit_exceeded")
    assert 1 <= int(limited.value.response.headers["retry-after"]) <= 60
    assert limited.value.response.headers["x-ratelimit-remaining-requests"] == "0"
    assert "of the user anna: limit 2" in limited.value.message


def test_a_limit_is_in_force_within_a_second(person, gateway):
    berta = person("berta")
    berta.ask()
    gateway.cli("limits", "set", "--user", "berta", "--requests-per-minute", "0")
    set_at = time.monotonic()

    def is_refused() -> bool:
        try:
            berta.ask()
        except openai.RateLimitError:
            return True
        return False

    wait_until(is_refused, 5)
    assert time.monotonic() - set_at < 1


def test_tokens_are_counted_as_the_engine_told_them_also_of_streams(person):
    clara = person("clara")
    clara.limit(tokens_per_minute=1000)
    usage = clara.ask().parse().usage
    stream = clara.client.chat.completions.create(
        model=MODEL, messages=MESSAGES, max_tokens=9, stream=True
    )
    pieces = [c.choices[0].delta.content for c in stream if c.choices[0].delta.content]
    left = int(clara.ask().headers["x-ratelimit-remaining-tokens"])

    assert len(pieces) == 9
    counted = 1000 - usage.total_tokens - (usage.prompt_tokens + 9)
    # What the third one holds while it runs is estimated by its size.
    assert counted - 60 <= left < counted


def test_a_slot_is_free_again_when_the_client_leaves_or_the_engine_breaks(person):
    dora = person("dora")
    dora.limit(parallel_requests=1)
    with dora.stream() as first:
        assert first.status == 200
        assert first.readline()
        with dora.stream() as second:
            assert second.status == 429
            assert json.loads(second.read())["error"]["type"] == "requests"
    wait_until(dora.is_let_in, 5, "the slot is free after its client has left")
    wait_until(dora.is_let_in, 5, "and again")

    def breaks_off() -> bool:
        with dora.stream(cut_after_tokens=2) as answer:
            if answer.status != 200:
                return False
            with pytest.raises((http.client.IncompleteRead, ConnectionError)):
                answer.read()
            return True

    wait_until(breaks_off, 5, "the engine cuts a stream")
    wait_until(dora.is_let_in, 5, "the slot is free after the engine broke")


def test_a_budget_that_is_used_up_is_told_as_openai_tells_it(person):
    emma = person("emma")
    emma.limit(tokens_per_day=5)
    emma.ask()
    with pytest.raises(openai.RateLimitError) as spent:
        emma.ask()

    assert spent.value.code == spent.value.type == "insufficient_quota"
    assert "tokens per day of the user emma" in spent.value.message
    assert spent.value.response.headers["x-should-retry"] == "false"


def test_a_models_limit_is_for_all_its_users_together(person, gateway):
    frida, gina = person("frida"), person("gina")
    gateway.cli("limits", "set", "--model", MODEL, "--parallel-requests", "1")

    def holds_gina_back() -> bool:
        with frida.stream() as first:
            return first.status == 200 and not gina.is_let_in()

    try:
        wait_until(holds_gina_back, 10, "gina is held back by frida's stream")
    finally:
        gateway.cli("limits", "unset", "--model", MODEL)


def test_a_cold_model_charges_nothing(make_gateway):
    gateway = make_gateway({**ENTRY, "engine_args": {"startup-seconds": 2}})
    hanna = Person(gateway, "hanna")
    hanna.limit(requests_per_minute=1, tokens_per_minute=100)
    refused = []

    def is_served() -> bool:
        try:
            return hanna.ask().headers["x-ratelimit-remaining-requests"] == "0"
        except openai.InternalServerError as cold:
            refused.append(cold)
            return False

    wait_until(is_served, 30, "the model is warm")
    assert {cold.code for cold in refused} == {"model_starting"}
    assert all("x-ratelimit-limit-requests" not in cold.response.headers for cold in refused)
    with pytest.raises(openai.RateLimitError):
        hanna.ask()
    hanna.client.close()
    assert len(refused) > 3


def test_several_workers_without_a_shared_storage_say_what_they_do(make_gateway):
    gateway = make_gateway(WEB_CONCURRENCY="2")
    told = json.loads(gateway.get("/ready")[1])["parts"]["limits"]

    assert told["ok"]
    assert "each of 2 processes lets through 1/2 of each limit" in told["message"]
    assert "RATELIMIT_STORAGE_URI" in told["message"]
    wait_until(lambda: "each of 2 processes" in gateway.log_text(), 5)
