"""What a client is told when no instance takes its request, or the one that did has failed."""

from web.errors import GatewayError, Overloaded, UpstreamTimeout, UpstreamUnreachable
from web.openai_proxy.upstream import EngineFailed, EngineTimedOut

OVERLOADED_RETRY_S = 2


def overloaded(model: str) -> Overloaded:
    return Overloaded(
        f"The engine is currently overloaded, please try again later: every instance of `{model}` "
        "has as many requests as it may.",
        retry_after_s=OVERLOADED_RETRY_S,
    )


def told_to_client(failure: EngineFailed, instance_id: str) -> GatewayError:
    if isinstance(failure, EngineTimedOut):
        return UpstreamTimeout(
            f"The model's instance {instance_id} did not answer in time: {failure}."
        )
    return UpstreamUnreachable(
        f"The model's instance {instance_id} cannot be reached just now "
        f"({failure}). Please retry your request.",
        retry_after_s=OVERLOADED_RETRY_S,
    )
