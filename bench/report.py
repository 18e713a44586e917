"""The figures as a table for people, and as bench/results.json for machines."""

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
# (measurement, figure, heading, digits)
COLUMNS = (
    ("json", "per_second", "answers/s", 0),
    ("json", "cpu_us", "CPU us/answer", 0),
    ("stream", "per_second", "streams/s", 0),
    ("stream", "cpu_us", "CPU us/stream", 0),
    ("latency", "p50_ms", "p50 ms at c=1", 3),
    ("cold", "per_second", "503/s", 0),
    ("cold", "cpu_us", "CPU us/503", 0),
)
NAME_WIDTH = 12
STARVED = 0.05

Figures = dict[str, Any]


def ratios(figures: Figures) -> Figures:
    """The figures that are held against a bound; what was not measured is None."""
    return {
        "json_vs_litellm": _ratio(figures, "json", "litellm"),
        "stream_vs_litellm": _ratio(figures, "stream", "litellm"),
        "stream_vs_nginx": _ratio(figures, "stream", "nginx"),
        "added_p50_ms_c1": _added_ms(figures),
        "cold503_rps": _rounded(_at(figures, "cold", "kscope", "per_second"), 0),
        "paced": _paced(figures),
        "cancel_p99_ms": _at(figures, "cancel", "kscope", "p99_ms"),
        "rss_idle_mb": _at(figures, "memory", "rss_idle_mb"),
        "kb_per_open_stream": _at(figures, "memory", "kb_per_open_stream"),
        "async_burst": _burst(figures),
        "tick_1000_s": _at(figures, "tick", "steady_s"),
        "squeue_per_tick": _at(figures, "tick", "squeue_per_tick"),
    }


def table(figures: Figures, found: Figures) -> str:
    """One row per subject, then one line per ratio."""
    names = [name for part, *_ in COLUMNS for name in figures.get(part, {})]
    lines = [" " * NAME_WIDTH + "".join(f"{heading:>16}" for _, _, heading, _ in COLUMNS)]
    for name in dict.fromkeys(names):
        cells = (
            _cell(_at(figures, part, name, figure), digits) for part, figure, _, digits in COLUMNS
        )
        lines.append(f"{name:{NAME_WIDTH}}{''.join(cells)}")
    lines += ["", *_starvation(figures)]
    lines += [f"{name:20} {json.dumps(value)}" for name, value in found.items()]
    return "\n".join(lines)


def _starvation(figures: Figures) -> list[str]:
    """What another load on the machine spoiled: the gateway was ready to run and could not."""
    shares = {name: _at(figures, name, "kscope", "starved") for name in figures}
    shares |= {
        f"paced {streams}": level["kscope"]["starved"]
        for streams, level in (figures.get("paced") or {}).get("levels", {}).items()
    }
    return [
        f"mind: others held the gateway's core for {share:.0%} of `{name}`"
        for name, share in shares.items()
        if share is not None and share > STARVED
    ]


def write_results(figures: Figures, found: Figures) -> None:
    RESULTS.write_text(json.dumps({"ratios": found, "figures": figures}, indent=2) + "\n")


def _at(figures: Figures, *path: str) -> float | None:
    value: Any = figures
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, int | float) else None


def _ratio(figures: Figures, measured: str, peer: str) -> float | None:
    ours = _at(figures, measured, "kscope", "per_second")
    theirs = _at(figures, measured, peer, "per_second")
    return round(ours / theirs, 2) if ours is not None and theirs else None


def _added_ms(figures: Figures) -> float | None:
    ours = _at(figures, "latency", "kscope", "p50_ms")
    direct = _at(figures, "latency", "direct", "p50_ms")
    return round(ours - direct, 3) if ours is not None and direct is not None else None


def _paced(figures: Figures) -> Figures | None:
    """At the highest level that passed; if none did, streams is 0 and the rest is the lowest's."""
    measured = figures.get("paced")
    if measured is None:
        return None
    best = measured["streams"]
    level = measured["levels"][str(best) if best else min(measured["levels"], key=int)]
    added = {name: level[name] for name in ("added_ttft_p99_ms", "added_gap_p99_ms")}
    return {"streams": best, "stalls": level["kscope"]["stalls"], **added}


def _burst(figures: Figures) -> Figures | None:
    measured = figures.get("burst")
    return measured and {name: measured[name] for name in ("requests", "failed")}


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits or None)


def _cell(value: float | None, digits: int) -> str:
    return f"{'-' if value is None else format(value, f',.{digits}f'):>16}"
