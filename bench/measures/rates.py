"""How many, how soon: answers and streams per second, latency of one client, refusals."""

import json
import statistics

from bench.processes import wait_until
from bench.stage import Stage
from bench.subjects.gateway import COLD_MODEL
from bench.subjects.subject import Subject
from bench.upstream.answers import build_answers, request_body
from bench.wrk import Expected, Round

CONNECTIONS = 32
# A peer that re-serialises cannot be held to the byte: to these lines, then, and its own length.
LIKE_JSON = b'says one token after another"\n"finish_reason":"stop"\n"completion_tokens":64'
LIKE_STREAM = b'"role":"assistant"\n" reads"\n"finish_reason":"stop"\ndata: [DONE]'
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
    body = request_body(kind, 1)
    rounds: dict[str, list[Round]] = {subject.name: [] for subject in stage.subjects}
    for _ in range(stage.effort.rounds):
        for subject in stage.subjects:
            seconds = stage.effort.seconds
            if subject.is_slow and connections > 1:
                seconds *= SLOW_FACTOR
            wanted = _expected(subject, kind)
            done = stage.wrk.run(subject, body, wanted, connections, seconds)
            rounds[subject.name].append(done)
    return {name: _median(found) for name, found in rounds.items()}


def _expected(subject: Subject, kind: str) -> Expected:
    answers = build_answers()
    if subject.exact:
        body = answers.expected_json if kind == "json" else answers.expected_stream
    else:
        body = LIKE_JSON if kind == "json" else LIKE_STREAM
    return Expected(200, body, subject.exact)


def _median(rounds: list[Round]) -> dict[str, float]:
    return {
        "per_second": statistics.median(each.per_second for each in rounds),
        "p50_ms": statistics.median(each.p50_ms for each in rounds),
        "p99_ms": statistics.median(each.p99_ms for each in rounds),
    }
