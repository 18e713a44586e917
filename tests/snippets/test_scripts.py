"""The snippets that are programs, run as they stand against a model that nobody has started."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import kit as clients
from tests.gateway_process import Gateway
from tests.snippets.kit import Desk, answer_to, expected, model_of, programs_of, rendered

# The first test of each kind also installs its client.
pytestmark = pytest.mark.timeout(900)


def own_python() -> Path:
    return Path(sys.executable).parent


# slug -> the folder of the Python that has the client
PYTHONS: dict[str, Callable[[], Path]] = {
    "python": own_python,
    "python-async": own_python,
    "langchain": lambda: clients.langchain_python().parent,
    "llamaindex": lambda: programs_of("llamaindex"),
}


@pytest.mark.parametrize("slug", PYTHONS)
def test_a_python_program_waits_for_the_model_and_prints_its_answer(
    slug: str, gateway: Gateway, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, gateway.key, [PYTHONS[slug]()])
    assert gateway.model(model_of(slug))["state"] == "cold"

    printed = desk.carry_out(rendered(slug, gateway))

    answer = expected(slug, gateway)
    assert not answer.isascii()
    assert printed == f"{answer}\n"


def test_the_node_program_waits_for_the_model_and_prints_its_answer(
    gateway: Gateway, tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(clients.node_modules())
    assert gateway.model(model_of("node"))["state"] == "cold"

    printed = Desk(tmp_path, gateway.key).carry_out(rendered("node", gateway))

    assert printed == f"{expected('node', gateway)}\n"


def test_curl_waits_for_the_model_and_shows_its_stream(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.model(model_of("curl"))["state"] == "cold"

    lines = Desk(tmp_path, gateway.key).carry_out(rendered("curl", gateway)).splitlines()

    assert {line.partition(":")[0] for line in lines if line} == {"data"}
    *events, end = [line.removeprefix("data: ") for line in lines if line]
    assert end == "[DONE]"
    pieces = [json.loads(event)["choices"][0]["delta"].get("content") for event in events]
    assert "".join(filter(None, pieces)) == expected("curl", gateway)


def test_curl_without_preference_asks_again_and_is_told_why(
    gateway: Gateway, tmp_path: Path
) -> None:
    model = model_of("curl-impatient")
    run = rendered("curl", gateway, model=model, max_wait_s=0).run
    assert gateway.model(model)["state"] == "cold"

    printed = Desk(tmp_path, gateway.key).run(run)

    assert '"code":"model_starting"' in printed
    assert printed.endswith("data: [DONE]\n\n")


def test_embeddings_are_made_by_a_model_that_had_to_start(gateway: Gateway, tmp_path: Path) -> None:
    assert gateway.model(model_of("embeddings"))["state"] == "cold"
    desk = Desk(tmp_path, gateway.key, [own_python()])

    first, second = desk.carry_out(rendered("embeddings", gateway)).splitlines()

    assert first.split()[0] == second.split()[0]
    assert int(first.split()[0]) > 1


def test_many_prompts_are_answered_once_each_though_the_program_is_interrupted(
    gateway: Gateway, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, gateway.key, [own_python()])
    snippet = rendered("python-batch", gateway)
    answers = tmp_path / "answers.jsonl"
    assert gateway.model(model_of("python-batch"))["state"] == "cold"

    desk.carry_out(snippet)
    whole = answers.read_text()
    # As it would stand there had the program been interrupted half-way.
    kept = whole.splitlines(keepends=True)[:90]
    answers.write_text("".join(kept))
    desk.run(snippet.run)
    again = answers.read_text()
    desk.run(snippet.run)

    assert answers.read_text() == again
    assert again.startswith("".join(kept))
    assert sorted(again.splitlines()) == sorted(whole.splitlines())
    lines = [json.loads(line) for line in again.splitlines()]
    assert len({line["prompt"] for line in lines}) == len(lines) == 200
    model = model_of("python-batch")
    assert answer_to(lines[0]["prompt"], gateway, model).startswith(lines[0]["answer"])


def test_a_key_that_is_none_ends_the_program_with_the_clients_own_error(
    gateway: Gateway, tmp_path: Path
) -> None:
    desk = Desk(tmp_path, "sk-ks-" + "a" * 46, [own_python()])
    desk.save(rendered("python", gateway))

    with pytest.raises(AssertionError, match="AuthenticationError: Error code: 401"):
        desk.run("python3 ask.py")
