"""YAML's hazards: whatever a file holds, reading it ends soon, builds no object and says why."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.catalog.marked_yaml import parse, spelled

LAUGHS = "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)])
MERGED_LAUGHS = "\n".join(
    ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
)
# No value at the end that would be counted: the merging itself has to be.
EMPTY_LAUGHS = "\n".join(
    ["a0: &a0 {}"] + [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 18)]
)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (EMPTY_LAUGHS, 1, "once its aliases are expanded"),
        (LAUGHS, 1, "once its aliases are expanded"),
        (MERGED_LAUGHS, 1, "once its aliases are expanded"),
        ("a: &a [*a]", 1, "an alias contains itself"),
        ("a: &a\n  <<: *a", 1, "nested too deeply"),
        ("[" * 100_000, 1, "nested too deeply"),
        ("x: 1\n" * 300_000, 1, "longer than 1000000 characters"),
        ("a: 1\nb: [", 2, "is not valid YAML"),
        ("a: 1\n---\nb: 2", 2, "is not valid YAML"),
        ("a: 1\nb: \x07", 2, "has a character that YAML does not allow"),
        ("a: *nobody", 1, "undefined alias"),
        ("a: 1\n<<: 5", 2, "<< must be a mapping"),
        ("a: " + "9" * 5000, 1, "quote it"),
        ("a: !!python/name:os.system x", 1, "quote it"),
        ("? [a]\n: 1", 1, "a key must be text"),
        ("a: =", 1, "quote it"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, line: int, words: str) -> None:
    (fault,) = parse(text).faults

    assert fault.line == line
    assert words in fault.words


def test_every_value_knows_its_line_and_how_it_is_written() -> None:
    document = parse("a: 1\nb:\n  - c: yes\n    d:\n      e: 0x10\n")

    assert document.value == {"a": 1, "b": [{"c": True, "d": {"e": 16}}]}
    assert document.lines["b", 0, "d"] == 4
    assert document.lines["b", 0, "d", "e"] == 5
    assert document.written["b", 0, "c"] == "yes"
    assert document.written["b", 0, "d", "e"] == "0x10"


def test_an_own_keys_line_wins_over_the_merged_ones() -> None:
    document = parse("x: &x {k: 1}\ny:\n  k: 2\n  <<: *x\n")

    assert document.value["y"] == {"k": 2}
    assert document.lines["y", "k"] == 3


def test_paths_are_spelled_as_people_write_them() -> None:
    assert spelled(("models", 1, "engine_args", "dtype")) == "models[1].engine_args.dtype"
    assert spelled(()) == ""


@given(st.text(alphabet="ab:-[]{}&*<!?|>'\"#%@, \n\t0123", max_size=60))
def test_no_text_raises(text: str) -> None:
    document = parse(text)

    assert all(fault.line >= 1 for fault in document.faults)
