"""LaunchSpec → batch script text. The one place where an engine's launch is put into words. Pure.

Nothing a user typed reaches a shell: all of it travels as ASCII JSON in a quoted here-document, of
which the shell expands nothing. Only `setup` is shell text: it is the administrator's own.
"""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from slurm.ranks import RANK_OPTIONS, across_nodes, parallel_options
from slurm.walltime import warning_s

JOB_NAME_PREFIX = "kscope-"
SPEC_VERSION = 1

_INSTANCE_ID = re.compile(r"[a-z0-9]{10}")
_SLURM_WORD = re.compile(r"[A-Za-z0-9_.,:+@%/-]+")
_ENGINE_OPTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The worker sets these itself; a key in argv could be read by everybody on the node.
_RESERVED_OPTIONS = RANK_OPTIONS | {"host", "port", "api-key", "served-model-name", "model", "uds"}
_DELIMITERS = ("KSCOPE_WORKER", "KSCOPE_SPEC")

EngineValue = str | int | float | bool | Sequence[object] | Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """Everything one launch needs; None leaves an option to the site's default.

    Raises ValueError on anything that could not arrive in the job exactly as it stands here.
    """

    instance_id: str  # [a-z0-9]{10}
    model: str  # the public name, which the engine serves
    path: str  # on the cluster, or a Hugging Face id
    callback_url: str
    token: str = field(repr=False)
    engine_api_key: str = field(repr=False)
    heartbeat_interval_s: float
    partition: str | None = None
    qos: str | None = None
    account: str | None = None
    nodes: int = 1
    gpus: int = 0  # of the whole job
    cpus: int | None = None  # of each node
    memory: str | None = None  # of each node, as Slurm writes it: "64G"
    time_limit: str | None = None  # as Slurm writes it: "08:00:00"
    command: tuple[str, ...] = ("vllm", "serve")
    engine_args: Mapping[str, EngineValue] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    setup: tuple[str, ...] = ()
    drain_timeout_s: float = 300.0
    bind_host: str = "0.0.0.0"  # noqa: S104  the gateway reaches the engine over the network
    port_range: tuple[int, int] = (20000, 32767)

    def __post_init__(self) -> None:
        if not _INSTANCE_ID.fullmatch(self.instance_id):
            raise ValueError(f"instance id must be ten of a-z and 0-9: {self.instance_id!r}")
        for name in ("partition", "qos", "account", "memory", "time_limit"):
            _check_slurm_word(name, getattr(self, name))
        _check_setup(self.setup)
        _check_env(self.env)
        _check_words("engine command", engine_argv(self))

    @property
    def job_name(self) -> str:
        """What squeue shows to everybody, and by which a job finds back to its instance."""
        return JOB_NAME_PREFIX + self.instance_id

    @property
    def warning_s(self) -> int:
        """How long before the walltime's end the worker hears of it (USR1), to drain in time."""
        return warning_s(self.drain_timeout_s, self.time_limit)


def _check_slurm_word(name: str, value: str | None) -> None:
    if value is not None and not _SLURM_WORD.fullmatch(value):
        raise ValueError(f"no {name} that Slurm could have: {value!r}")


def _check_setup(lines: Sequence[str]) -> None:
    for line in lines:
        # sbatch refuses scripts with DOS line breaks; bash cuts a line off at NUL.
        if "\0" in line or "\r" in line:
            raise ValueError(f"setup line contains NUL or carriage return: {line!r}")
        _check_words("setup line", [line])


def _check_env(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            raise ValueError(f"no name for an environment variable: {name!r}")
        _check_words(f"environment variable {name}", [value])


def _check_words(what: str, words: Sequence[str]) -> None:
    """Refuse what no program can be given: NUL, and text that has no UTF-8 form."""
    for word in words:
        if "\0" in word:
            raise ValueError(f"{what} contains NUL")
        try:
            word.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{what} is not text that can be written as UTF-8") from None


def instance_id_of(job_name: str) -> str | None:
    """The instance that a job belongs to, or None when the job is not ours."""
    instance_id = job_name.removeprefix(JOB_NAME_PREFIX)
    is_ours = instance_id != job_name and _INSTANCE_ID.fullmatch(instance_id)
    return instance_id if is_ours else None


def engine_argv(spec: LaunchSpec) -> list[str]:
    """One engine's command line, without host, port and rank, which only the job can know."""
    if not spec.command or not spec.path or spec.path.startswith("-"):
        raise ValueError("an engine needs a command, and a model path that is no option")
    if spec.nodes > 1 and spec.command[0].startswith("-"):
        raise ValueError("the engine's command starts like an option")
    # `vllm serve PATH`, but `python3 -m vllm.entrypoints.openai.api_server --model PATH`.
    path = [spec.path] if spec.command[-1] == "serve" else ["--model", spec.path]
    argv = [*spec.command, *path, *_option("served-model-name", spec.model)]
    for name, value in spec.engine_args.items():
        if not _ENGINE_OPTION.fullmatch(name):
            raise ValueError(f"no name for an engine option: {name!r}")
        if name.lower().replace("_", "-") in _RESERVED_OPTIONS:
            raise ValueError(f"the gateway sets the engine option {name!r} itself")
        argv += _option(name, value)
    for name, value in parallel_options(spec.nodes, spec.gpus, spec.engine_args).items():
        argv += _option(name, value)
    return argv


def _option(name: str, value: EngineValue) -> list[str]:
    if value is None:
        return []
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    if isinstance(value, Sequence) and not isinstance(value, str):
        words = [_word(item) for item in value]
        if any(word.startswith("-") for word in words):
            raise ValueError(f"a value in the list {name!r} would be taken for an option")
        return [f"--{name}", *words] if words else []
    word = _word(value)
    return [f"--{name}={word}"] if word.startswith("-") else [f"--{name}", word]


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def render(spec: LaunchSpec) -> str:
    """The batch script.

    Both here-documents become file descriptors of the worker, which replaces the batch shell
    (`exec`), so that Slurm's `--signal=B:USR1@…` and scancel's TERM arrive at the worker itself.
    Measured on 22.05 with bash 5.2: a document up to a pipe's capacity arrives as a pipe, a larger
    one as a deleted temporary file; both open through /dev/fd. `-I` keeps the site's PYTHONPATH
    away from the worker; the engine inherits the environment untouched. The secrets stand only
    here: Slurm shows a spooled script to its owner and to administrators.
    """
    worker, payload = worker_source().rstrip("\n"), json.dumps(worker_spec(spec), ensure_ascii=True)
    if set(_DELIMITERS) & set(worker.split("\n")):
        raise ValueError("the worker's source contains a line that would end it early")
    lines = [
        "#!/bin/bash -l",
        # First of all: logs and whatever the engine writes are the user's own business.
        "umask 077",
        # A walltime warning must not kill the job before the worker listens for it.
        "trap '' USR1",
        *spec.setup,
        # A setup line that ends in a backslash swallows this empty line, not the next.
        "",
        f"exec python3 -I -u /dev/fd/3 3<<'{_DELIMITERS[0]}' 4<<'{_DELIMITERS[1]}'",
        worker,
        _DELIMITERS[0],
        payload,
        _DELIMITERS[1],
    ]
    return "\n".join(lines) + "\n"


@functools.cache
def worker_source() -> str:
    """The text of slurm/worker.py, as installed."""
    return resources.files("slurm").joinpath("worker.py").read_text(encoding="utf-8")


def worker_spec(spec: LaunchSpec) -> dict[str, object]:
    """What the worker reads on file descriptor 4."""
    return {
        "version": SPEC_VERSION,
        "instance_id": spec.instance_id,
        "token": spec.token,
        "callback_url": spec.callback_url,
        "heartbeat_interval_s": spec.heartbeat_interval_s,
        "drain_timeout_s": spec.drain_timeout_s,
        "model": spec.model,
        "engine_argv": across_nodes(engine_argv(spec), spec.nodes, spec.cpus),
        "engine_env": dict(spec.env),
        "engine_api_key": spec.engine_api_key,
        "bind_host": spec.bind_host,
        "port_range": list(spec.port_range),
    }
