"""What is wanted for one model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from web.catalog.warm import WarmWindow

EngineArg: TypeAlias = "str | int | float | bool | list[EngineArg] | dict[str, EngineArg] | None"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of models.yaml, complete. Slurm's options are None where the job passes none."""

    name: str
    aliases: tuple[str, ...]
    path: str
    # Slurm's side
    partition: str | None
    qos: str | None
    account: str | None
    nodes: int
    gpus: int
    cpus: int | None
    memory: str | None
    time_limit: str | None
    # life
    idle_timeout_s: float | None
    startup_timeout_s: float
    drain_timeout_s: float
    min_instances: int
    max_instances: int
    target_requests: int
    # how long the load must be above or below what the instances are for
    scale_up_after_s: float
    scale_down_after_s: float
    warm: tuple[WarmWindow, ...]
    # requests at once: an instance takes no more than this many
    max_requests: int
    affinity: Literal["none", "session", "prefix"]
    # the engine's side
    engine_args: Mapping[str, EngineArg]
    env: Mapping[str, str]
    setup: tuple[str, ...]
    command: tuple[str, ...]
    # who may use it
    groups: tuple[str, ...]
    # of all that a running instance cannot change any more; "" in tests
    fingerprint: str = field(default="", compare=False)
