"""What every snippet is, whatever the model is called. Executing them is up to the other tests."""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from tests.snippets.test_quoting import NASTY
from web.portal.snippets.clients import CLIENTS, client
from web.portal.snippets.parts import KEY_VARIABLE, Aim, Client, Snippet

BASE_URL = "https://ai.example.org/v1"
SHOWN = [pytest.param(each, id=each.slug) for each in CLIENTS]
# A model may be called as the catalog allows; the renderers hold for any name.
NAMES = [name for name in NASTY if name]


def aim(model: str = "org/Model-1", **more: object) -> Aim:
    return Aim(BASE_URL, model, **more)  # type: ignore[arg-type]


def texts(snippet: Snippet) -> Iterator[str]:
    yield from (file.text for file in snippet.files)
    yield from (snippet.install, snippet.run, *snippet.notes)


def literals(program: str) -> set[str]:
    """All texts that stand in a Python program."""
    return {
        node.value
        for node in ast.walk(ast.parse(program))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


@pytest.mark.parametrize("each", SHOWN)
def test_it_takes_the_key_from_the_environment_and_says_where_to_ask(each: Client) -> None:
    told = "\n".join(texts(each.render(aim())))

    assert KEY_VARIABLE in told
    assert BASE_URL in told
    assert "org/Model-1" in told
    assert not re.search(r"sk-[A-Za-z0-9]", told)


@pytest.mark.parametrize("each", SHOWN)
def test_it_copes_with_a_model_that_has_to_start(each: Client) -> None:
    told = "\n".join(texts(each.render(aim(max_wait_s=123))))

    retries = re.search(r"(max_?retries|--retry)\W+100", told, re.IGNORECASE)
    assert retries or "wait=123" in told


@pytest.mark.parametrize("each", SHOWN)
def test_it_is_short_and_without_blanks(each: Client) -> None:
    snippet = each.render(aim())

    assert all("«" not in text and "»" not in text for text in texts(snippet))
    for file in snippet.files:
        assert file.text.endswith("\n")
        assert len(file.text.splitlines()) <= 45
        assert all(len(line) <= 88 for line in file.text.splitlines())
    assert not any("\n" in note for note in snippet.notes)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("each", SHOWN)
def test_a_name_stays_a_text_in_files_of_python_and_yaml(each: Client, name: str) -> None:
    for file in each.render(aim(name)).files:
        if file.language == "Python":
            assert name in literals(file.text)
        elif file.language == "YAML":
            assert any(name in value for value in values(yaml.safe_load(file.text)))


def values(tree: object) -> Iterator[str]:
    """All texts among the values of a document."""
    if isinstance(tree, dict):
        for value in tree.values():
            yield from values(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from values(value)
    elif isinstance(tree, str):
        yield tree


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("each", SHOWN)
def test_a_name_stays_one_word_in_lines_for_a_shell(each: Client, name: str) -> None:
    run = each.render(aim(name)).run
    checked = subprocess.run(
        [str(shutil.which("bash")), "-n"], input=run, capture_output=True, text=True, check=False,
        timeout=30,
    )  # fmt: skip

    assert (checked.returncode, checked.stderr) == (0, "")


def test_every_client_has_a_place_of_its_own() -> None:
    slugs = [each.slug for each in CLIENTS]

    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)
    assert [client(slug) for slug in slugs] == list(CLIENTS)
    assert client("nothing") is None


def test_the_length_of_a_model_is_told_where_a_client_wants_it() -> None:
    known = [client("llamaindex"), client("continue")]

    for each in known:
        assert each is not None
        assert "8192" in each.render(aim(max_tokens=8192)).files[0].text
        assert "None" not in each.render(aim()).files[0].text


def test_continue_runs_agents_only_on_a_model_that_can_call_tools() -> None:
    each = client("continue")
    assert each is not None
    able, unable = each.render(aim(calls_tools=True)), each.render(aim())

    assert able.run.startswith("cn -p ")
    assert (unable.install, unable.run) == ("", "")
    assert "it is no agent" in " ".join(unable.notes)
    assert able.files == unable.files
