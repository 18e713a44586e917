"""One entry of models.yaml: which keys it may have, and what each must be."""

import difflib
import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from slurm.ranks import parallel_options
from web.catalog import values as v
from web.catalog.deployment import Deployment
from web.catalog.marked_yaml import Path
from web.catalog.warm import WarmWindow


class Warm(BaseModel):
    """One of a model's warm windows, as the file has it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    instances: v.AtLeastOne
    days: v.Days = tuple(range(7))
    from_: v.Clock = Field(alias="from")
    to: v.Clock
    timezone: v.Timezone = Field(default="", validate_default=True)

    def window(self) -> WarmWindow:
        return WarmWindow(self.instances, self.days, self.from_, self.to, self.timezone)


class Entry(BaseModel):
    """A model with its defaults merged in. Strict: YAML's own guesses at a type are no answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: v.Name
    aliases: list[v.Name] = []
    path: v.Argument
    partition: v.SlurmWord | None = None
    qos: v.SlurmWord | None = None
    account: v.SlurmWord | None = None
    nodes: v.AtLeastOne = 1
    gpus: v.AtLeastNone = Field(default=1, validate_default=True)
    cpus: v.AtLeastOne | None = None
    memory: v.Memory = None
    time_limit: v.TimeLimit = None
    idle_timeout: v.DurationOrOff = 30 * 60.0
    startup_timeout: v.Duration = 30 * 60.0
    drain_timeout: v.Duration = 5 * 60.0
    min_instances: v.AtLeastNone = 0
    max_instances: v.AtLeastOne = Field(default=1, validate_default=True)
    target_requests: v.AtLeastOne = 32
    scale_up_after: v.Duration = 30.0
    scale_down_after: v.Duration = 5 * 60.0
    warm: list[Warm] = []
    max_requests: v.AtLeastOne = 2048
    affinity: Literal["none", "session", "prefix"] = "none"
    engine_args: v.EngineArgs = {}
    env: v.Env = {}
    setup: list[v.ShellLine] = []
    command: v.Command = ("vllm", "serve")
    groups: list[v.Group] = ["all"]

    @field_validator("gpus")
    @classmethod
    def _shared_by_the_nodes(cls, value: int, info: ValidationInfo) -> int:
        nodes = info.data.get("nodes", 1)
        if value % nodes:
            raise ValueError(f"must be a multiple of nodes, {nodes}: each gets as many")
        return value

    @field_validator("engine_args")
    @classmethod
    def _spread_over_the_gpus(cls, value: v.EngineArgs, info: ValidationInfo) -> v.EngineArgs:
        if "gpus" in info.data:
            parallel_options(info.data.get("nodes", 1), info.data["gpus"], value)
        return value

    @field_validator("max_instances")
    @classmethod
    def _reaches_the_least(cls, value: int, info: ValidationInfo) -> int:
        least = info.data.get("min_instances", 0)
        if value < least:
            raise ValueError(f"must be at least min_instances, {least}")
        return value

    def deployment(self) -> Deployment:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        launch = json.dumps([fields[name] for name in _LAUNCHES_DIFFERENTLY])
        for name in _DURATIONS:
            fields[f"{name}_s"] = fields.pop(name)
        for name in ("aliases", "setup", "groups"):
            fields[name] = tuple(fields[name])
        fields["warm"] = tuple(window.window() for window in self.warm)
        return Deployment(**fields, fingerprint=hashlib.sha256(launch.encode()).hexdigest()[:16])


_DURATIONS = (
    "idle_timeout",
    "startup_timeout",
    "drain_timeout",
    "scale_up_after",
    "scale_down_after",
)
# What makes a running instance another one than would be launched today.
_LAUNCHES_DIFFERENTLY = (
    "path",
    "partition",
    "qos",
    "account",
    "nodes",
    "gpus",
    "cpus",
    "memory",
    "time_limit",
    "engine_args",
    "env",
    "setup",
    "command",
)


KEYS = tuple(Entry.model_fields)
# What says which model it is cannot be a default of all.
DEFAULT_KEYS = tuple(key for key in KEYS if key not in ("name", "aliases", "path"))

# pydantic's kinds of error; its context fills the braces.
_WORDS = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "list_type": "must be a list, such as [one, two]",
    "dict_type": "must be a mapping, such as {{key: value}}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "value_error": "{error}",
}


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    """The words for a key that means nothing here."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"is not known; did you mean {near[0]}?" if near else "is not known"


def faults_of(
    error: ValidationError, written: Callable[[Path], str | None]
) -> Iterator[tuple[Path, str]]:
    """(path within the entry, words) of each fault; `written` gives a scalar as the file has it."""
    for each in error.errors(include_url=False):
        path = tuple(part for part in each["loc"] if part != "[key]")
        if each["type"] == "extra_forbidden":
            yield path, unknown_key(str(path[-1]), KEYS)
            continue
        words = _WORDS.get(each["type"], each["msg"]).format_map(each.get("ctx", {}))
        # A variable of the environment may be a secret; and a wrong key's value explains nothing.
        shown = path[0] != "env" and path == each["loc"]
        yield path, words + _reading(each["type"], each["input"], written(path) if shown else None)


def _reading(kind: str, value: object, text: str | None) -> str:
    """What stands there and how YAML read it, where that explains the fault."""
    if kind == "string_type" and text is None:
        return ": quote it"
    if text is None or len(text) > 100:
        return ""
    if value is None:
        return ", but nothing is there"
    if kind == "string_type":
        return f', but YAML reads {text} as {type(value).__name__}: quote it, "{text}"'
    return f", not {text!r}"
