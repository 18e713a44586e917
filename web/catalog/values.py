"""The sorts of value that stand in models.yaml: each says in words what it must be."""

import math
import re
import shlex
from datetime import time
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field
from tzlocal import get_localzone_name

from web.catalog.warm import clock_of, days_of

# Names travel in URLs, in argv and in logs: ASCII, no leading dash, no `..` or empty segment.
_SEGMENT = r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]*"
_NAME = re.compile(rf"{_SEGMENT}(/{_SEGMENT})*")
_SLURM_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,+@-]{0,127}")
_MEMORY = re.compile(r"[1-9][0-9]{0,8}[KMGT]")
# sbatch(1) --time: M, M:S, H:M:S, D-H, D-H:M, D-H:M:S
_TIME_LIMIT = re.compile(r"[0-9]{1,6}(:[0-9]{1,2}){0,2}|[0-9]{1,4}-[0-9]{1,2}(:[0-9]{1,2}){0,2}")
_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s?)?")
_ENGINE_ARG = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_OWNED_ENGINE_ARGS = {
    "host": "the worker binds it",
    "port": "the worker picks it",
    "uds": "the gateway connects over TCP",
    "root-path": "the gateway asks for the plain paths",
    "ssl-keyfile": "the gateway connects over plain HTTP",
    "ssl-certfile": "the gateway connects over plain HTTP",
    "api-key": "each instance gets a key of its own",
    "served-model-name": "it is the model's `name`",
    "model": "it is the model's `path`",
    "nnodes": "it is the model's `nodes`",
    "node-rank": "each node gets its own",
    "master-addr": "it is the job's first node",
    "master-port": "each job gets its own",
    "headless": "all nodes but the first are",
}
_OWNED_ENV = {"VLLM_API_KEY": "each instance gets a key of its own"}
_SECONDS_PER = (86_400, 3600, 60, 1)


def _name(text: str) -> str:
    if len(text) > 200 or not _NAME.fullmatch(text):
        raise ValueError(
            "must be a name of at most 200 letters, digits and _ . : @ + - /, "
            "such as meta-llama/Llama-3.1-8B-Instruct"
        )
    return text


def _argument(text: str) -> str:
    if not text.isprintable() or not text.strip() or text.startswith("-"):
        raise ValueError("must be a path or an id: printable, not empty, no leading dash")
    return text


def _slurm_word(text: str) -> str:
    if not _SLURM_WORD.fullmatch(text):
        raise ValueError("must be a name that Slurm knows, such as gpu")
    return text


def _memory(value: object) -> object:
    if value is None or (isinstance(value, str) and _MEMORY.fullmatch(value)):
        return value
    raise ValueError("must be a size with its unit (K, M, G or T), such as 64G")


def _time_limit(value: object) -> object:
    # Not a number: YAML 1.1 reads an unquoted 12:00:00 as 43200, which Slurm reads as 30 days.
    if value is None or (isinstance(value, str) and _TIME_LIMIT.fullmatch(value)):
        return value
    raise ValueError('must be a time as Slurm writes it, in quotes, such as "08:00:00" or "1-12"')


def _seconds(value: object) -> float:
    seconds = 0.0
    if isinstance(value, str) and value and (match := _DURATION.fullmatch(value)):
        counts = (int(count or 0) for count in match.groups())
        seconds = float(sum(n * per for n, per in zip(counts, _SECONDS_PER, strict=True)))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    if not 0 < seconds <= 366 * 86_400:
        raise ValueError("must be a duration, such as 30m, 8h, 1h30m or 90 (seconds)")
    return seconds


def _seconds_or_off(value: object) -> float | None:
    # YAML 1.1 reads an unquoted `off` as false.
    if value is False or value == "off":
        return None
    try:
        return _seconds(value)
    except ValueError as error:
        raise ValueError(f"{error}, or off") from None


def _command(value: object) -> tuple[str, ...]:
    words: list[Any] = value if isinstance(value, list) else []
    if isinstance(value, str):
        try:
            words = shlex.split(value)
        except ValueError as error:
            raise ValueError(f"must be a command line: {error}") from None
    if not words or not all(isinstance(word, str) and word.isprintable() for word in words):
        raise ValueError("must be a command line, such as `vllm serve`, or a list of its words")
    return tuple(words)


def _engine_arg_name(text: str) -> str:
    if text.startswith("-"):
        raise ValueError("must stand without its leading dashes")
    if not _ENGINE_ARG.fullmatch(text):
        raise ValueError("must be the name of an option, such as max-model-len")
    reason = _OWNED_ENGINE_ARGS.get(text.lower().replace("_", "-"))
    if reason:
        raise ValueError(f"is set by the gateway: {reason}")
    return text


def _engine_arg(value: object) -> object:
    if isinstance(value, dict):
        return {key: _engine_arg(inner) for key, inner in value.items()}
    if isinstance(value, list):
        if any(isinstance(inner, str) and inner.startswith("-") for inner in value):
            raise ValueError("must be a list of values: one with a leading dash reads as an option")
        return [_engine_arg(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    return _line(value) if isinstance(value, str) else value


def _env_name(text: str) -> str:
    if not _ENV_NAME.fullmatch(text):
        raise ValueError("must be the name of an environment variable, such as HF_HOME")
    if text in _OWNED_ENV:
        raise ValueError(f"is set by the gateway: {_OWNED_ENV[text]}")
    return text


def _line(text: str) -> str:
    if not text.replace("\n", " ").replace("\t", " ").isprintable():
        raise ValueError("must have no control characters")
    return text


def _filled_line(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return _line(text)


def _days(value: object) -> tuple[int, ...]:
    if not isinstance(value, str):
        raise ValueError("must be days such as Mon-Fri, Sat,Sun or daily")  # noqa: TRY004
    return days_of(value)


def _clock(value: object) -> time:
    # Not a number: YAML 1.1 reads an unquoted 18:00 as 1080.
    return clock_of(value if isinstance(value, str) else "")


def _timezone(value: object) -> str:
    """The name of a time zone; nothing means the gateway's own."""
    name = value or get_localzone_name() or "UTC"
    try:
        return ZoneInfo(str(name)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be the name of a time zone, such as Europe/Zurich") from None


Name = Annotated[str, AfterValidator(_name)]
Argument = Annotated[str, AfterValidator(_argument)]
SlurmWord = Annotated[str, AfterValidator(_slurm_word)]
Memory = Annotated[str | None, BeforeValidator(_memory)]
TimeLimit = Annotated[str | None, BeforeValidator(_time_limit)]
Duration = Annotated[float, BeforeValidator(_seconds)]
DurationOrOff = Annotated[float | None, BeforeValidator(_seconds_or_off)]
Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
EngineArgs = dict[
    Annotated[str, AfterValidator(_engine_arg_name)], Annotated[Any, AfterValidator(_engine_arg)]
]
Env = dict[Annotated[str, AfterValidator(_env_name)], Annotated[str, AfterValidator(_line)]]
ShellLine = Annotated[str, AfterValidator(_filled_line)]
Group = Annotated[str, AfterValidator(_filled_line)]
Days = Annotated[tuple[int, ...], BeforeValidator(_days)]
Clock = Annotated[time, BeforeValidator(_clock)]
Timezone = Annotated[str, BeforeValidator(_timezone)]
AtLeastOne = Annotated[int, Field(ge=1, le=100_000)]
AtLeastNone = Annotated[int, Field(ge=0, le=100_000)]
