"""What an administrator can order, from the command line or the portal. Data only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrderKind(StrEnum):
    DRAIN = "drain"  # end when what is in flight is done
    STOP = "stop"  # end now
    RETRY = "retry"  # forget the failed launches and try again


@dataclass(frozen=True, slots=True)
class Order:
    """For one instance, or for all of a model when `instance_id` is None."""

    id: int
    kind: OrderKind
    model: str
    instance_id: str | None
    given_at: datetime
