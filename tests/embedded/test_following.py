"""A conversation that engines keep goes on where it began, with the stock client."""

import openai
import pytest

from tests.embedded.conftest import ENTRY, MODEL
from tests.waiting import wait_until

KEEPING = {
    **ENTRY,
    "engine_args": {"startup-seconds": 0.5, "tokens-per-second": 20},
    "env": {"VLLM_ENABLE_RESPONSES_API_STORE": "1"},
    "min_instances": 2,
    "max_instances": 2,
}
TURNS = 5


@pytest.fixture
def gateway(make_gateway):
    gateway = make_gateway(KEEPING)
    wait_until(lambda: gateway.model(MODEL)["ready_instances"] == 2, 40, "two instances")
    return gateway


def turn(client, previous=None):
    """The id of a response, and the instance that made it."""
    create = client.responses.with_raw_response.create
    answer = create(model=MODEL, input="and?", max_output_tokens=2, previous_response_id=previous)
    return answer.parse().id, answer.headers["x-kscope-instance"]


def test_each_turn_goes_to_the_instance_that_keeps_the_last_one(gateway):
    client = gateway.client()
    one, here = turn(client)
    # While one is busy, what is new goes to the other.
    with client.responses.create(model=MODEL, input="a long story", stream=True) as story:
        next(iter(story))
        busy = story.response.headers["x-kscope-instance"]
        two, there = turn(client)
    assert busy == here != there

    for _ in range(TURNS):
        (one, one_at), (two, two_at) = turn(client, one), turn(client, two)
        assert (one_at, two_at) == (here, there)


def test_a_stream_is_followed_too_and_by_nobody_else(gateway):
    client = gateway.client()
    *_, done = client.responses.create(model=MODEL, input="hello", max_output_tokens=2, stream=True)
    other = client.with_options(api_key=gateway.cli("keys", "create", "--user", "eve").strip())

    assert turn(client, done.response.id)
    with pytest.raises(openai.NotFoundError) as refused:
        turn(other, done.response.id)
    assert refused.value.param == "previous_response_id"


def test_what_ended_with_its_instance_is_told_to_be_gone(gateway):
    client = gateway.client()
    made, keeper = turn(client)
    gateway.cli("models", "stop", keeper)

    def words():
        try:
            turn(client, made)
        except openai.NotFoundError as error:
            return error.message
        return ""

    wait_until(lambda: "no running instance keeps it" in words(), 20, "it is told to be gone")
