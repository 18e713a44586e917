"""The peers that are packages: LiteLLM, and vLLM's own router."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from bench.cores import Cores
from bench.distribution import PartMissing
from bench.peers_venv import ensure_peers
from bench.processes import HOST, Process, environment, family, free_port
from bench.subjects.subject import Subject
from bench.upstream.answers import MODEL

KEY = "sk-bench-0123456789"
# LiteLLM imports for many seconds on a busy machine.
START_TIMEOUT_S = 180.0


@contextmanager
def running_litellm(folder: Path, cores: Cores, upstream_port: int) -> Iterator[Subject]:
    """One worker, one key, no database, nothing logged."""
    program = _command("litellm")
    folder.mkdir()
    port = free_port()
    params = {
        "model": f"openai/{MODEL}",
        "api_base": f"http://{HOST}:{upstream_port}/v1",
        "api_key": "none",
    }
    configuration = {
        "model_list": [{"model_name": MODEL, "litellm_params": params}],
        "general_settings": {"master_key": KEY},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(configuration))
    argv = [str(program), "--config", str(folder / "config.yaml"), "--num_workers", "1"]
    argv += ["--host", HOST, "--port", str(port), "--telemetry", "False"]
    env = environment(
        LITELLM_LOG="ERROR",
        LITELLM_LOCAL_MODEL_COST_MAP="True",  # else it is fetched from the internet
        LITELLM_MODE="PRODUCTION",
        NO_PROXY=HOST,
    )
    subject = Subject("litellm", f"http://{HOST}:{port}", KEY, exact=False)
    yield from _running(Process(cores.pin(argv, cores.proxy), folder / "log", env, folder), subject)


@contextmanager
def running_router(folder: Path, cores: Cores, upstream_port: int) -> Iterator[Subject]:
    program = _command("vllm-router")
    folder.mkdir()
    port, metrics_port = free_port(), free_port()
    argv = [str(program), "--host", HOST, "--port", str(port), "--policy", "round_robin"]
    argv += ["--worker-urls", f"http://{HOST}:{upstream_port}", "--log-level", "error"]
    argv += ["--prometheus-host", HOST, "--prometheus-port", str(metrics_port)]
    env = environment(NO_PROXY=HOST)
    subject = Subject("vllm-router", f"http://{HOST}:{port}")
    yield from _running(Process(cores.pin(argv, cores.proxy), folder / "log", env, folder), subject)


def _command(name: str) -> Path:
    program = ensure_peers() / name
    if not program.exists():
        raise PartMissing(f"{name} could not be installed")
    return program


def _running(process: Process, subject: Subject) -> Iterator[Subject]:
    try:
        process.wait_ready(subject.answers, START_TIMEOUT_S, f"{subject.name} answers")
        yield replace(subject, pids=tuple(family(process.pid)))
    finally:
        process.stop()
