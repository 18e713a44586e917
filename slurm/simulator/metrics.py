"""/metrics: the few of vLLM's many that tell load and progress."""

from __future__ import annotations

from slurm.simulator.engine import Counters

CONTENT_TYPE = "text/plain; version=1.0.0; charset=utf-8"
KV_CACHE_REQUESTS = 256  # running requests that fill the cache


def render(counters: Counters, model_name: str) -> str:
    """Prometheus text with vLLM's names and labels."""
    rows = [
        ("gauge", "num_requests_running", "", counters.running),
        ("gauge", "num_requests_waiting", "", counters.waiting),
        ("gauge", "kv_cache_usage_perc", "", min(counters.running / KV_CACHE_REQUESTS, 1.0)),
        ("counter", "prompt_tokens_total", "", counters.prompt_tokens),
        ("counter", "generation_tokens_total", "", counters.generation_tokens),
        *(
            ("counter", "request_success_total", f'finished_reason="{reason}",', count)
            for reason, count in counters.finished.items()
        ),
    ]
    lines: list[str] = []
    for kind, name, labels, value in rows:
        header = [f"# HELP vllm:{name} Simulated.", f"# TYPE vllm:{name} {kind}"]
        lines += header if header[0] not in lines else []
        lines.append(f'vllm:{name}{{engine="0",{labels}model_name="{model_name}"}} {float(value)}')
    return "\n".join(lines) + "\n"
