"""How many, how soon: answers and streams per second, latency of one client, refusals."""

import json
import statistics
from dataclasses import fields

from bench.measures.expected import expected_of
from bench.processes import wait_until
from bench.stage import Stage
from bench.subjects.gateway import COLD_MODEL
from bench.upstream.answers import request_body
from bench.wrk import Expected, Round

CONNECTIONS = 32
LIKE_COLD = b'"type":"service_unavailable_error"\n"code":"model_starting"'
SLOW_FACTOR = 3
LAUNCH_TIMEOUT_S = 30.0

Rates = dict[str, dict[str, float]]


def measure_json(stage: Stage) -> Rates:
    return _compared(stage, "json", CONNECTIONS)


def measure_stream(stage: Stage) -> Rates:
    return _compared(stage, "fast", CONNECTIONS)


def measure_latency(stage: Stage) -> Rates:
    return _compared(stage, "json", 1)


def measure_cold(stage: Stage) -> Rates:
    """Refusals per second for a model whose job runs and never becomes ready."""
    request = {**json.loads(request_body("json", 1)), "model": COLD_MODEL}
    body = json.dumps(request).encode()
    expected = Expected(503, LIKE_COLD, exact=False)
    # The first request asks for the launch; its state must settle, so that all answers are alike.
    wait_until(
        lambda: b"RUNNING" in stage.gateway.ask(body)[1], LAUNCH_TIMEOUT_S, "the cold model's job"
    )
    rounds = [
        stage.wrk.run(stage.gateway, body, expected, CONNECTIONS, stage.effort.seconds)
        for _ in range(stage.effort.rounds)
    ]
    return {stage.gateway.name: _median(rounds)}


def _compared(stage: Stage, kind: str, connections: int) -> Rates:
    """All subjects take turns, so that a slow minute of the machine is everybody's."""
    body, many = request_body(kind, 1), connections > 1
    rounds: dict[str, list[Round]] = {subject.name: [] for subject in stage.subjects}
    wanted = {subject.name: expected_of(subject, kind) for subject in stage.subjects}
    for _ in range(stage.effort.rounds):
        for subject in stage.subjects:
            seconds = stage.effort.seconds * (SLOW_FACTOR if subject.is_slow and many else 1)
            done = stage.wrk.run(subject, body, wanted[subject.name], connections, seconds)
            rounds[subject.name].append(done)
    return {name: _median(found) for name, found in rounds.items()}


def _median(rounds: list[Round]) -> dict[str, float]:
    names = [field.name for field in fields(Round)]
    return {name: statistics.median(getattr(each, name) for each in rounds) for name in names}
