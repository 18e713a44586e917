"""The little a gateway must read of a request's body; the rest is the engine's business. Pure."""

import re
from collections.abc import Iterable

import msgspec
from msgspec import Raw

from web.errors import BadRequest

MAX_MODEL_CHARS = 1024
MAX_MEMBERS = 1000
# As far as requests of one kind are alike: a system prompt's beginning, not the question.
PREFIX_BYTES = 512
# Python's own json, which vLLM reads with, refuses integers beyond 4300 digits.
MAX_NUMBER_DIGITS = 2048
# Of a run of more than 2048 digits, every 64th byte makes a run of at least 32.
_STRIDE = 64
# Below this many bytes, even nothing but members is read within milliseconds.
_SMALL_BODY_BYTES = 64 * 1024
_ASK = b'{"stream_options":{"include_usage":true},'

_sampled_run = re.compile(rb"\d{%d}" % (MAX_NUMBER_DIGITS // _STRIDE))
_endless = re.compile(rb"\d{%d}" % (MAX_NUMBER_DIGITS + 1))
_text = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


class Head(msgspec.Struct, frozen=True):
    """`stream_options` is the member's JSON as received; empty when there is none."""

    model: str
    stream: bool | None = None
    stream_options: Raw = Raw()


class _Name:
    """A member's name that equals no other, so that a dict keeps both of two alike."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def _name(_: type, text: str) -> _Name:
    return _Name(text)


_head = msgspec.json.Decoder(Head)
_members = msgspec.json.Decoder(dict[str, Raw])
_named = msgspec.json.Decoder(dict[_Name, Raw], dec_hook=_name)


def read_head(body: bytes) -> Head:
    """The head of a JSON body; raises `BadRequest` in words a user can act on."""
    try:
        if not body.isascii():
            body.decode()  # msgspec skips the texts it need not give
        head = _head.decode(body)
        names = _names(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(body, str(error)) from None
    _refuse_twins(names)
    if not head.model or len(head.model) > MAX_MODEL_CHARS:
        raise BadRequest(
            f"`model` must be a text of 1 to {MAX_MODEL_CHARS} characters.", param="model"
        )
    if len(body) > MAX_NUMBER_DIGITS and _has_endless_number(body):
        raise BadRequest(f"A number in the request body has over {MAX_NUMBER_DIGITS} digits.")
    return head


def with_model(body: bytes, model: str) -> bytes:
    """The same body asking for another model: every other member keeps its bytes."""
    members = _members.decode(body)
    members["model"] = Raw(msgspec.json.encode(model))
    return msgspec.json.encode(members)


def with_usage(body: bytes, head: Head) -> tuple[bytes, bool]:
    """The body that makes the engine tell its usage at a stream's end, and whether it differs.

    Untouched where there is no stream, where the client asks itself, and where what it sent is of
    a wrong type: the engine says so better.
    """
    if not head.stream:
        return body, False
    options = bytes(head.stream_options)
    if not options:
        return body.replace(b"{", _ASK, 1), True
    asking = _asking(options)
    if asking is None:
        return body, False
    members = _members.decode(body)
    members["stream_options"] = Raw(asking)
    return msgspec.json.encode(members), True


def _asking(options: bytes) -> bytes | None:
    """These stream options, asking for usage at the end; None when they are to stay."""
    try:
        members = {} if options == b"null" else _members.decode(options)
    except msgspec.ValidationError:
        return None
    given = {name: bytes(value) for name, value in members.items()}
    if given.get("include_usage", b"null") not in (b"null", b"false"):
        return None
    if given.get("continuous_usage_stats", b"null") not in (b"null", b"false", b"true"):
        return None
    if "continuous_usage_stats" in given:
        # Without include_usage it means nothing; with it, usage would be in every chunk.
        members["continuous_usage_stats"] = Raw(b"false")
    members["include_usage"] = Raw(b"true")
    return msgspec.json.encode(members)


def _names(body: bytes) -> list[str]:
    """The names of the body's members, in order, each as often as it is there."""
    decoder = _named if len(body) <= _SMALL_BODY_BYTES else _bounded()
    return [name.text for name in decoder.decode(body)]


def _bounded() -> msgspec.json.Decoder[dict[_Name, Raw]]:
    """Gives up on a body of millions of members before they fill the memory."""
    seen = 0

    def name(_: type, text: str) -> _Name:
        nonlocal seen
        seen += 1
        if seen > MAX_MEMBERS:
            raise _crowded()
        return _Name(text)

    return msgspec.json.Decoder(dict[_Name, Raw], dec_hook=name)


def _refuse_twins(names: Iterable[str]) -> None:
    """JSON leaves open which of two counts, so we and the engine might read different bodies."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            shown = name[:200]
            raise BadRequest(f"The request body has the member `{shown}` twice.", param=shown)
        seen.add(name)
    if len(seen) > MAX_MEMBERS:
        raise _crowded()


def _has_endless_number(body: bytes) -> bool:
    """Whether a number has over MAX_NUMBER_DIGITS digits; digits within a text are not one."""
    if not _sampled_run.search(body[::_STRIDE]):
        return False
    return bool(_endless.search(_text.sub(b'""', body)))


def _crowded() -> BadRequest:
    return BadRequest(f"The request body has more than {MAX_MEMBERS} members.")


def _not_json(body: bytes, problem: str) -> BadRequest:
    if problem == "Input data was truncated" and body.rstrip().endswith(b"}"):
        problem = "a text in it is not closed, or holds half of a surrogate pair"
    return BadRequest(f"The request body is not valid JSON: {problem}")


def _invalid(problem: str) -> BadRequest:
    if "`model`" in problem or "$.model" in problem:
        return BadRequest("You must provide `model`, as a text.", param="model")
    if "$.stream" in problem:
        return BadRequest("`stream` must be true or false.", param="stream")
    return BadRequest("The request body must be a JSON object.")


class _Follower(msgspec.Struct):
    previous_response_id: str | None = None


_follower = msgspec.json.Decoder(_Follower)
_response_id = re.compile(r"resp_[A-Za-z0-9_-]{1,140}")


def followed(body: bytes) -> str | None:
    """The id of the response that this one is to follow; None when it follows none, and when what
    is sent is no id: the engine says so better."""
    try:
        id_ = _follower.decode(body).previous_response_id
    except msgspec.ValidationError:
        return None
    return id_ if id_ is not None and _response_id.fullmatch(id_) else None


class _Prompt(msgspec.Struct):
    messages: Raw = Raw()
    prompt: Raw = Raw()
    input: Raw = Raw()


_prompt = msgspec.json.Decoder(_Prompt)


def prompt_prefix(body: bytes) -> bytes | None:
    """The beginning of what the engine is asked, as received; None when there is nothing."""
    asked = _prompt.decode(body)
    text = bytes(asked.messages) or bytes(asked.prompt) or bytes(asked.input)
    return text[:PREFIX_BYTES] or None
