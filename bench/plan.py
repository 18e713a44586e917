"""Which measurements there are, in the order in which they must run, and how they are run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.measures.burst import measure_burst
from bench.measures.cancel import measure_cancel
from bench.measures.memory import measure_memory
from bench.measures.paced import measure_paced
from bench.measures.rates import measure_cold, measure_json, measure_latency, measure_stream
from bench.measures.tick import measure_tick
from bench.stage import Stage

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement:
    """compares: it needs the peers beside the gateway."""

    name: str
    measure: Callable[[Stage], Figures]
    compares: bool = False


# Memory comes first: what an allocator once took for a load, later loads get for nothing.
MEASUREMENTS = (
    Measurement("memory", measure_memory),
    Measurement("tick", measure_tick),
    Measurement("cold", measure_cold),
    Measurement("paced", measure_paced),
    Measurement("cancel", measure_cancel),
    Measurement("burst", measure_burst),
    Measurement("json", measure_json, compares=True),
    Measurement("stream", measure_stream, compares=True),
    Measurement("latency", measure_latency, compares=True),
)
NAMES = tuple(each.name for each in MEASUREMENTS)
