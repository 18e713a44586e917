"""The command line: vLLM's own spelling, plus switches that make it fail."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from slurm.simulator.faults import Faults
from slurm.simulator.ranks import Place, visible_gpus

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What one simulated engine is started with. Times in seconds."""

    model: str
    served_names: tuple[str, ...]
    host: str
    port: int
    max_model_len: int
    max_num_seqs: int  # requests running at once, the others wait; 0: no limit
    api_keys: tuple[str, ...]
    tool_parser: bool  # started with --enable-auto-tool-choice --tool-call-parser P
    pooling: bool  # serves embeddings and scores instead of generating
    store: bool  # keeps responses for GET /v1/responses/{id}
    keep_alive_s: float
    startup_s: float
    place: Place  # among the nodes of one engine
    faults: Faults
    die_at_start: bool
    die_after: int | None  # generating requests answered before the process dies on the next


def parse(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> Options:
    """Read a vLLM command line; unknown flags are logged and ignored, as their effects are."""
    positional, flags = _split(argv)
    parser = _parser()
    known = [flag for flag in flags if flag[0] in _known(parser)]
    ignored = [flag for flag in flags if flag not in known]
    if ignored:
        log.info("ignored: %s", " ".join(chain.from_iterable(ignored)))
    given = parser.parse_args(list(chain.from_iterable(known)))
    model = positional or given.model
    # vLLM: --api-key wins over VLLM_API_KEY.
    keys = given.api_key or [environ.get("VLLM_API_KEY", "")]
    return Options(
        model=model,
        served_names=tuple(given.served_model_name or [model]),
        host=given.host or "0.0.0.0",  # noqa: S104  # vLLM's default
        port=given.port,
        max_model_len=given.max_model_len,
        max_num_seqs=given.max_num_seqs,
        api_keys=tuple(key for key in keys if key),
        tool_parser=given.enable_auto_tool_choice and bool(given.tool_call_parser),
        pooling=given.runner == "pooling",
        store=environ.get("VLLM_ENABLE_RESPONSES_API_STORE", "") not in ("", "0"),
        keep_alive_s=float(environ.get("VLLM_HTTP_TIMEOUT_KEEP_ALIVE") or 5),
        startup_s=given.startup_seconds,
        place=_place(given, environ),
        faults=_faults(given),
        die_at_start=given.die_at_start,
        die_after=given.die_after,
    )


def _split(argv: Sequence[str]) -> tuple[str, list[list[str]]]:
    """The model in front, if any, and each flag with the values behind it.

    argparse alone would take the value of a flag it does not know for the model.
    """
    words = list(argv[1:] if argv[:1] == ["serve"] else argv)
    positional = words.pop(0) if words and not words[0].startswith("-") else ""
    flags: list[list[str]] = []
    for word in words:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            flags.append([name.replace("_", "-"), *([value] if equals else [])])
        elif flags:
            flags[-1].append(word)
    return positional, flags


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="slurm.simulator", allow_abbrev=False)
    parser.add_argument("--model", default="simulated")
    parser.add_argument("--served-model-name", nargs="+")
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--max-model-len", type=int, default=32768)
    parser.add_argument("--max-num-seqs", type=int, default=0)
    parser.add_argument("--api-key", nargs="+")
    parser.add_argument("--enable-auto-tool-choice", action="store_true")
    parser.add_argument("--tool-call-parser")
    parser.add_argument("--runner", default="generate", help="`pooling` serves embeddings")
    _add_place(parser)
    parser.add_argument("--startup-seconds", type=float, default=0.0)
    parser.add_argument("--tokens-per-second", type=float, default=0.0, help="0: no limit")
    parser.add_argument("--first-token-seconds", type=float, default=0.0)
    parser.add_argument("--die-at-start", action="store_true")
    parser.add_argument("--die-after", type=int, metavar="REQUESTS")
    parser.add_argument("--fail-with-500", action="store_true")
    for name in ("--hang-after-tokens", "--cut-after-tokens", "--error-after-tokens"):
        parser.add_argument(name, type=int, metavar="N")
    return parser


def _add_place(parser: argparse.ArgumentParser) -> None:
    for name in ("--nnodes", "--tensor-parallel-size", "--pipeline-parallel-size"):
        parser.add_argument(name, type=int, default=1)
    parser.add_argument("--node-rank", type=int, default=0)
    parser.add_argument("--master-addr", default="127.0.0.1")
    parser.add_argument("--master-port", type=int, default=29501)
    parser.add_argument("--headless", action="store_true")


def _place(given: argparse.Namespace, environ: Mapping[str, str]) -> Place:
    return Place(
        nodes=given.nnodes,
        rank=given.node_rank,
        head=given.master_addr,
        port=given.master_port,
        headless=given.headless,
        world=given.tensor_parallel_size * given.pipeline_parallel_size,
        gpus=visible_gpus(environ),
    )


def _known(parser: argparse.ArgumentParser) -> set[str]:
    return {name for action in parser._actions for name in action.option_strings}


def _faults(given: argparse.Namespace) -> Faults:
    return Faults(
        tokens_per_second=given.tokens_per_second,
        delay_s=given.first_token_seconds,
        fail_with=500 if given.fail_with_500 else None,
        hang_after_tokens=given.hang_after_tokens,
        cut_after_tokens=given.cut_after_tokens,
        error_after_tokens=given.error_after_tokens,
    )
