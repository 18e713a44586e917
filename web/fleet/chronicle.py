"""What the audit log keeps of an instance: its launch, and each time somebody ends it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from web.fleet.states import Instance, InstanceState

S = InstanceState
_ENDS: Mapping[InstanceState, str] = {
    S.DRAINING: "instance.drain",
    S.STOPPING: "instance.stop",
    S.STOPPED: "instance.end",
    S.FAILED: "instance.end",
}


@dataclass(frozen=True, slots=True)
class Event:
    action: str
    detail: Mapping[str, object]


def launched(instance: Instance) -> Event:
    return Event("instance.launch", {"model": instance.model, "gpus": instance.gpus})


def withdrawn(instance: Instance) -> Event:
    """The launch was intended, and nothing of it reached the cluster."""
    return Event("instance.withdraw", {"model": instance.model})


def event_between(before: Instance, after: Instance) -> Event | None:
    """None for whatever is neither a launch nor an end.

    What the engine or Slurm said of it (`detail`) stays out: it can be anybody's text.
    """
    action = _ENDS.get(after.state)
    if action is None or after.state is before.state:
        return None
    detail: dict[str, object] = {"model": after.model, "reason": after.end_reason}
    if after.job_id is not None:
        detail["job"] = after.job_id
    if after.state.is_over:
        detail["state"] = after.state
    return Event(action, detail)
