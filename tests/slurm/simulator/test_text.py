"""Tokens go there and back; answers depend on nothing but the prompt."""

from hypothesis import given
from hypothesis import strategies as st

from slurm.simulator import text

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(_TEXT)
def test_tokens_turn_back_into_the_text(words: str) -> None:
    assert text.detokenize(text.tokenize(words)) == words


@given(_TEXT)
def test_token_ids_are_exact_in_every_json_reader(words: str) -> None:
    assert all(0 <= number < 2**53 for number in text.tokenize(words))


def test_ids_that_are_no_tokens_have_no_text() -> None:
    assert text.detokenize([0, 5, 0x0341]) == ""


@given(_TEXT, st.integers(1, 200))
def test_an_answer_of_a_given_length_has_it(prompt: str, length: int) -> None:
    assert len(text.answer(prompt, prompt, 0, length)) == length


def test_answers_differ_by_prompt_and_by_choice_and_by_nothing_else() -> None:
    said = [text.answer(prompt, "", choice, None) for prompt in "ab" for choice in (0, 1)]
    assert len({tuple(pieces) for pieces in said}) == 4
    assert text.answer("a", "", 0, None) == said[0]


def test_answers_reach_beyond_ascii() -> None:
    assert all(not "".join(text.answer(str(n), "", 0, 120)).isascii() for n in range(50))
