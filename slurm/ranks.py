"""How one engine spreads over the GPUs and nodes of its job. Pure.

vLLM needs no Ray for several nodes (0.12 and later; read in 0.32, vllm/config/parallel.py and
vllm/entrypoints/cli/serve.py): the same `vllm serve` on each node with `--nnodes N --node-rank R
--master-addr HOST --master-port P`, and `--headless` on all but the first, which alone serves.
`python3 -m vllm.entrypoints.openai.api_server` knows no `--headless`: there it must be `serve`.

The ranks find one another by the first node's Slurm name. Each tells the others its own address,
which vLLM takes from its default route; on nodes that have none, `command` must be a script that
sets VLLM_HOST_IP before it starts vLLM.
"""

from collections.abc import Mapping, Sequence

# The gateway sets these itself wherever an engine runs on several nodes.
RANK_OPTIONS = frozenset({"nnodes", "node-rank", "master-addr", "master-port", "headless"})

_TENSOR, _PIPELINE = "tensor-parallel-size", "pipeline-parallel-size"
# Whoever splits the job in yet other ways decides alone.
_OTHER_SPLITS = ("data-parallel", "prefill-context-parallel")
_BACKEND = "distributed-executor-backend"

# On the first node, in the worker's place as the engine: the node's name is known only there.
_LAUNCH = 'export KSCOPE_HEAD="$SLURMD_NODENAME"; exec srun "$@"'
# On each node. The port: of this job alone on its node, below all ranges of other ports.
_RANK = (
    'set -- "$@" --node-rank "$SLURM_NODEID" --master-addr "$KSCOPE_HEAD"'
    ' --master-port "$((10000 + SLURM_JOB_ID % 10000))"\n'
    '[ "$SLURM_NODEID" = 0 ] || set -- "$@" --headless\n'
    'exec "$@"'
)
# A rank of vLLM that lost its workers may well leave with code 0: the others cannot do without it.
_WAIT_S = 5


def parallel_options(
    nodes: int, gpus: int, engine_args: Mapping[str, object]
) -> dict[str, str | int]:
    """The engine's options that make use of all GPUs, without those that `engine_args` names.

    On one node all GPUs share each layer (tensor parallel); on several, those of a node do, and
    the nodes follow one another (pipeline parallel). ValueError in words for the catalog's author.
    """
    if gpus % nodes:
        raise ValueError(f"{gpus} GPUs cannot be shared evenly by {nodes} nodes")
    named = {
        name.lower().replace("_", "-"): value
        for name, value in engine_args.items()
        if value is not None
    }
    tensor, pipeline = _size(named, _TENSOR), _size(named, _PIPELINE)
    splits_otherwise = any(name.startswith(_OTHER_SPLITS) for name in named)
    if nodes == 1:
        own = gpus < 2 or splits_otherwise or tensor or pipeline
        return {} if own else {_TENSOR: gpus}
    if named.get(_BACKEND, "mp") != "mp":
        raise ValueError(f"on several nodes the engine starts with {_BACKEND} mp, and no other")
    options: dict[str, str | int] = {_BACKEND: "mp", "nnodes": nodes}
    if not splits_otherwise:
        size = max(gpus, nodes)
        options[_TENSOR] = tensor or (size // pipeline if pipeline else size // nodes)
        options[_PIPELINE] = pipeline or size // int(options[_TENSOR])
        if int(options[_TENSOR]) * int(options[_PIPELINE]) != size:
            raise ValueError(f"{_TENSOR} times {_PIPELINE} must be the job's {size} GPUs")
    return {name: value for name, value in options.items() if name not in named}


def _size(named: Mapping[str, object], name: str) -> int:
    """The size that `engine_args` gives, 0 if none."""
    value = named.get(name)
    if value is None:
        return 0
    if not str(value).isdecimal() or int(str(value)) < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(str(value))


def across_nodes(argv: Sequence[str], nodes: int, cpus: int | None) -> list[str]:
    """What starts `argv` once on each of `nodes`, from the first of them; ends when one rank ends.

    Measured on 22.05: one step gets the job's GPUs of every node, and the environment of srun byte
    by byte, of which `scontrol` shows nothing; TERM to srun kills all ranks, and the end of the
    batch script ends what srun left. No shell reads `argv`: it travels as "$@".
    """
    if nodes == 1:
        return list(argv)
    options = [
        f"--nodes={nodes}",
        f"--ntasks={nodes}",
        "--ntasks-per-node=1",
        # From 22.05 on, a step does not inherit it.
        *([f"--cpus-per-task={cpus}"] if cpus else []),
        "--kill-on-bad-exit=1",
        f"--wait={_WAIT_S}",
        "--export=ALL",
        "--mpi=none",
        "--input=none",
        "--label",
    ]
    return ["sh", "-c", _LAUNCH, "srun", *options, "sh", "-c", _RANK, "rank", *argv]
