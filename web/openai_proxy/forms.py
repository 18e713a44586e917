"""Uploads as multipart/form-data: kept as received, in a file beyond 1 MiB; only `model` is read.

The engine reads the form itself. So the bytes are spooled unchanged, and looked over on the way for
the fields a gateway must know, and where in the body `model` stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from tempfile import SpooledTemporaryFile
from typing import Protocol

from werkzeug.http import parse_options_header

from web.errors import BadRequest, BodyTooLarge
from web.openai_proxy.body import MAX_MODEL_CHARS
from web.openai_proxy.multipart import BrokenForm, FieldFound, FormScan

IN_MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024
MAX_BOUNDARY_CHARS = 70  # RFC 2046, 5.1.1
MAX_VALUE_BYTES = 4 * MAX_MODEL_CHARS
# What pydantic takes for true in a form.
_TRUE = {b"true", b"1", b"on", b"yes", b"t", b"y"}


class Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; b"" at the end."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A form as received: `length` bytes, of which `chunks` can be had more than once."""

    model: str
    stream: bool
    length: int
    _file: SpooledTemporaryFile[bytes]
    _model_at: int
    _model_bytes: int
    _written_model: bytes | None = None

    def chunks(self) -> Iterator[bytes]:
        """The body, in pieces of at most 64 KiB."""
        if self._written_model is None:
            yield from self._received(0, self.length)
            return
        grown = len(self._written_model) - self._model_bytes
        yield from self._received(0, self._model_at)
        yield self._written_model
        yield from self._received(self._model_at + self._model_bytes, self.length - grown)

    def with_model(self, model: str) -> "Upload":
        """The same form asking for another model; it shares the file with this one."""
        written = model.encode()
        before = self._model_bytes if self._written_model is None else len(self._written_model)
        length = self.length + len(written) - before
        return replace(self, model=model, length=length, _written_model=written)

    def close(self) -> None:
        self._file.close()

    def _received(self, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            self._file.seek(start)
            piece = self._file.read(min(PIECE_BYTES, end - start))
            start += len(piece)
            yield piece


def read_form(
    stream: Readable, content_type: str, content_length: int | None, limit_bytes: int
) -> Upload:
    """Take a whole form in; raises `BadRequest`, or `BodyTooLarge` beyond `limit_bytes`."""
    scan = FormScan(_boundary_of(content_type), ("model", "stream"), MAX_VALUE_BYTES)
    file = SpooledTemporaryFile[bytes](IN_MEMORY_BYTES)
    try:
        length = 0
        for piece in _pieces(stream, content_length, limit_bytes):
            length += len(piece)
            file.write(piece)
            scan.feed(piece)
        scan.finish()
        name, field = _model_of(scan.found.get("model"))
        asks_for_stream = _is_true(scan.found.get("stream"))
        return Upload(name, asks_for_stream, length, file, field.at, len(field.value))
    except BrokenForm as error:
        file.close()
        raise BadRequest(f"The request body is not valid multipart: {error}.") from None
    except BaseException:
        file.close()
        raise


def _boundary_of(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if kind != "multipart/form-data":
        raise BadRequest("The request body must be multipart/form-data.")
    if not 1 <= len(boundary) <= MAX_BOUNDARY_CHARS or not boundary.isascii():
        raise BadRequest("The Content-Type names no valid multipart boundary.")
    return boundary.encode()


def _pieces(stream: Readable, content_length: int | None, limit_bytes: int) -> Iterator[bytes]:
    """The body as it arrives, checked against what was declared and what is allowed."""
    received = 0
    if (content_length or 0) > limit_bytes:
        raise BodyTooLarge(limit_bytes // 1024**2)
    while content_length is None or received < content_length:
        asked = PIECE_BYTES if content_length is None else content_length - received
        piece = stream.read(min(PIECE_BYTES, asked))
        if not piece:
            break
        received += len(piece)
        if received > limit_bytes:
            raise BodyTooLarge(limit_bytes // 1024**2)
        yield piece
    if content_length is not None and received < content_length:
        raise BadRequest(f"The request body ends after {received} of {content_length} bytes.")


def _model_of(field: FieldFound | None) -> tuple[str, FieldFound]:
    """The model's name; raises `BadRequest` in words a user can act on."""
    if field is None:
        raise _bad_model("You must provide `model`, as a field of the form.")
    if field.count > 1:
        raise _bad_model("The form has the field `model` twice.")
    if field.is_file:
        raise _bad_model("`model` must be a text field, not a file.")
    try:
        name = field.value.decode()
    except UnicodeDecodeError:
        raise _bad_model("`model` must be UTF-8.") from None
    if not 1 <= len(name) <= MAX_MODEL_CHARS:
        raise _bad_model(f"`model` must be a text of 1 to {MAX_MODEL_CHARS} characters.")
    return name, field


def _bad_model(problem: str) -> BadRequest:
    return BadRequest(problem, param="model")


def _is_true(field: FieldFound | None) -> bool:
    return field is not None and field.value.lower() in _TRUE
