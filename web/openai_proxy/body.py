"""The little a gateway must read of a request's body; the rest is the engine's business. Pure."""

import msgspec

from web.errors import BadRequest

MAX_MODEL_CHARS = 1024


class Head(msgspec.Struct, frozen=True):
    model: str
    stream: bool | None = None


_head = msgspec.json.Decoder(Head)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_head(body: bytes) -> Head:
    """The `model` and `stream` of a JSON body; raises `BadRequest` in words a user can act on."""
    try:
        head = _head.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The request body is not valid JSON: {error}") from None
    if not head.model or len(head.model) > MAX_MODEL_CHARS:
        raise BadRequest(
            f"`model` must be a text of 1 to {MAX_MODEL_CHARS} characters.", param="model"
        )
    return head


def with_model(body: bytes, model: str) -> bytes:
    """The same body asking for another model: every other member keeps its bytes."""
    members = _members.decode(body)
    members["model"] = msgspec.Raw(msgspec.json.encode(model))
    return msgspec.json.encode(members)


def _invalid(problem: str) -> BadRequest:
    if "`model`" in problem or "$.model" in problem:
        return BadRequest("You must provide `model`, as a text.", param="model")
    if "$.stream" in problem:
        return BadRequest("`stream` must be true or false.", param="stream")
    return BadRequest("The request body must be a JSON object.")
