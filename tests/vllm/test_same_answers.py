"""The simulator and real vLLM answer alike: status, headers, names, order, types, error bodies.

Both are held to one recording of real vLLM (see `record`), so the simulator is checked where there
is no vLLM, and a new vLLM that answers otherwise is noticed.
"""

from __future__ import annotations

import difflib
from typing import Any

import pytest

from tests.vllm import cases, record, shapes
from tests.vllm.engines import Engine

RECORDED = record.load()


def _same(found: Any, case: cases.Case) -> None:
    before, now = shapes.lines(RECORDED[case.name]), shapes.lines(found)
    if before != now:
        diff = difflib.unified_diff(before, now, "real vLLM, recorded", "this engine", lineterm="")
        pytest.fail("\n".join(["", *diff]), pytrace=False)


@pytest.mark.parametrize("case", cases.GENERATING_ENGINE, ids=lambda case: case.name)
def test_answers_as_recorded(engine: Engine, case: cases.Case) -> None:
    _same(record.answer(engine, case), case)


@pytest.mark.parametrize("case", cases.POOLING_ENGINE, ids=lambda case: case.name)
def test_pooling_engine_answers_as_recorded(pooling_engine: Engine, case: cases.Case) -> None:
    _same(record.answer(pooling_engine, case), case)


def test_the_recording_has_all_cases_and_no_other() -> None:
    asked = [case.name for case in (*cases.GENERATING_ENGINE, *cases.POOLING_ENGINE)]
    assert sorted(asked) == sorted(RECORDED)


def test_a_divergence_is_seen() -> None:
    """The comparison can fail: a missing member, another order, another type, a lost event."""
    whole = {"id": "x", "usage": {"prompt_tokens": 1}}
    assert shapes.lines(shapes.of(whole)) != shapes.lines(shapes.of({"id": "x"}))
    assert shapes.lines(shapes.of({"a": 1, "b": 2})) != shapes.lines(shapes.of({"b": 2, "a": 1}))
    assert shapes.of({"code": 400}) != shapes.of({"code": "400"})
    assert shapes.events('data: {"a": 1}\n\ndata: [DONE]\n\n') != shapes.events("data: [DONE]\n\n")
    assert shapes.events("data: [DONE]\n\n") != shapes.events("data: [DONE]\n")
