"""A quoted text is that text again, read by the language it was quoted for."""

import ast
import json
import subprocess

import pytest
import yaml as real_yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.parts import need
from web.portal.snippets import quoting
from web.portal.snippets.parts import fill

NASTY = [
    "demo",
    "",
    "meta-llama/Llama-3.1-8B-Instruct",
    'it\'s "quoted" `twice`',
    "$(touch gone) ${HOME} $HOME !! %s \\",
    "two\nlines\r\nand\ttabs",
    "«model» {{ secrets.X }} ${X} #not a comment: [a, b]",
    "</script><script>alert(1)</script>",
    "line\u2028separator\x85next\ufeff\u202eleft\x1b[31m\x7f",
    "Grüße aus 東京 🚀 \U000e0001",
    "'; rm -rf / #",
    "*/ // -- ''' \"\"\"",
]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_python_reads_back_what_was_quoted(text: str) -> None:
    assert ast.literal_eval(quoting.python(text)) == text


@given(TEXTS)
def test_yaml_reads_back_what_was_quoted(text: str) -> None:
    assert real_yaml.safe_load(f"- name: {quoting.yaml(text)} # told\n") == [{"name": text}]


@given(TEXTS)
def test_no_literal_has_a_line_or_a_character_that_cannot_be_seen(text: str) -> None:
    for quoted in (quoting.python(text), quoting.yaml(text), quoting.javascript(text)):
        assert quoted.isprintable()


def test_javascript_reads_back_what_was_quoted() -> None:
    literals = ",\n".join(map(quoting.javascript, NASTY))
    done = subprocess.run(
        [str(need("node", "nodejs")), "-e", f"console.log(JSON.stringify([{literals}]))"],
        capture_output=True,
        check=True,
        timeout=30,
    )

    assert json.loads(done.stdout) == NASTY


@pytest.mark.parametrize("shell", ["bash", "sh"])
def test_a_shell_reads_back_what_was_quoted(shell: str) -> None:
    words = " ".join(map(quoting.shell, NASTY))
    done = subprocess.run(
        [shell, "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True, timeout=30
    )

    assert done.stdout.decode().split("\0")[:-1] == NASTY


def test_a_shell_is_never_given_what_no_program_can_be_given() -> None:
    assert quoting.shell("a\0b") == "ab"


def test_what_is_filled_in_is_not_filled_again() -> None:
    assert fill("«a» «b»", a="«b»", b="$0 \\1") == "«b» $0 \\1"


def test_a_blank_without_a_value_is_noticed() -> None:
    with pytest.raises(KeyError):
        fill("«nothing»", something="")
