"""An instance and its row."""

from dataclasses import fields

from web.fleet.models import InstanceRow
from web.fleet.states import EndReason, Instance, InstanceState, Load

_PLAIN = tuple(f.name for f in fields(Instance) if f.name not in ("state", "end_reason", "load"))


def fill(row: InstanceRow, instance: Instance) -> None:
    for name in _PLAIN:
        setattr(row, name, getattr(instance, name))
    row.state = instance.state.value
    row.end_reason = instance.end_reason.value if instance.end_reason else None
    row.running = instance.load.running
    row.waiting = instance.load.waiting
    row.kv_cache_usage = instance.load.kv_cache_usage
    row.tokens = instance.load.tokens


def to_instance(row: InstanceRow) -> Instance:
    return Instance(
        state=InstanceState(row.state),
        end_reason=EndReason(row.end_reason) if row.end_reason else None,
        load=Load(row.running, row.waiting, row.kv_cache_usage, row.tokens),
        **{name: getattr(row, name) for name in _PLAIN},
    )
