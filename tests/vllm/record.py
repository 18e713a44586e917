"""Ask real vLLM all the cases and write down what its answers look like.

    python -m tests.vllm.record

For a new version of vLLM: raise requirements.txt, record, read the diff, teach the simulator.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.vllm import cases, shapes
from tests.vllm.engines import POOLING_FLAGS, Engine, vllm
from tests.vllm.kit import ensure_vllm

RECORDING = Path(__file__).parent / "recorded" / "vllm-0.32.0.json"


def load() -> dict[str, Any]:
    """Shape of the answer by the name of the case."""
    return dict(json.loads(RECORDING.read_text()))


def answer(engine: Engine, case: cases.Case) -> dict[str, Any]:
    return shapes.of_reply(engine.ask(case.method, case.path, case.body, case.headers))


def _answers(engine: Engine, asked: Iterable[cases.Case]) -> dict[str, Any]:
    return {case.name: answer(engine, case) for case in asked}


def main() -> None:
    kit = ensure_vllm()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "vllm.log")
        with vllm(kit, log) as engine:
            found = _answers(engine, cases.GENERATING_ENGINE)
        with vllm(kit, log, POOLING_FLAGS) as engine:
            found |= _answers(engine, cases.POOLING_ENGINE)
    RECORDING.parent.mkdir(exist_ok=True)
    RECORDING.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
