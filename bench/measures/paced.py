"""How many paced streams pass without a stall, and what the gateway adds to their timing."""

import statistics
import time
from typing import Any

from bench.clients.paced import Stream, run_paced
from bench.processes import cpu_time
from bench.stage import Stage
from bench.subjects.subject import Subject
from bench.upstream.answers import PACE_S

LEVELS = (100, 200, 300, 500)
STALL_S = 2 * PACE_S
SECONDS = 4.0
# The machine itself stalls now and then: a level that fails is tried once more.
TRIES = 2


def measure_paced(stage: Stage) -> dict[str, Any]:
    """levels: {streams: {"direct", "kscope", "added_ttft_p99_ms", "added_gap_p99_ms"}}; streams:
    the highest level without a stall, 0 when there is none."""
    levels: dict[str, dict[str, Any]] = {}
    best = 0
    for streams in LEVELS:
        level = _best_of(stage, streams)
        levels[str(streams)] = level
        if level["kscope"]["stalls"] or level["kscope"]["broken"]:
            break
        best = streams
    return {"streams": best, "levels": levels}


def _best_of(stage: Stage, streams: int) -> dict[str, Any]:
    tries = []
    for _ in range(TRIES):
        direct = _measure(stage.direct, streams)
        ours = _measure(stage.gateway, streams)
        added = {
            f"added_{name}": round(ours[name] - direct[name], 2)
            for name in ("ttft_p50_ms", "ttft_p99_ms", "gap_p99_ms")
        }
        tries.append({"direct": direct, "kscope": ours, **added})
        if not ours["stalls"] and not ours["broken"]:
            break
    return min(tries, key=lambda found: found["kscope"]["stalls"] + found["kscope"]["broken"])


def _measure(subject: Subject, streams: int) -> dict[str, Any]:
    started, before = time.monotonic(), cpu_time(subject.pids)
    whole, broken = run_paced(subject, streams, SECONDS)
    used, took_s = cpu_time(subject.pids).since(before), time.monotonic() - started
    gaps = [gap for stream in whole for gap in stream.gaps_s]
    return {
        "whole": len(whole),
        "broken": broken,
        "stalls": sum(gap > STALL_S for gap in gaps),
        "gap_p99_ms": _percentile_ms(gaps, 99),
        "gap_max_ms": round(max(gaps, default=0.0) * 1000, 2),
        "cpu_us_per_delta": round(used.used_s / max(1, len(gaps)) * 1e6, 1),
        "starved": round(used.starved_s / took_s, 3),
        **_ttft(whole),
    }


def _ttft(streams: list[Stream]) -> dict[str, float]:
    times = [stream.ttft_s for stream in streams]
    return {"ttft_p50_ms": _percentile_ms(times, 50), "ttft_p99_ms": _percentile_ms(times, 99)}


def _percentile_ms(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return 0.0
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1] * 1000, 3)
