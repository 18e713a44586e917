"""Looks over a multipart/form-data body as it arrives for a few short fields. Pure.

As strict as the engine's own parser: lines end with CRLF (RFC 7578, 4.1). Werkzeug's decoder
(3.1.9) will not do: when a read ends within the last boundary's hyphens, it counts the CR before it
to the field, and a model `a` becomes `a\\r`.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from werkzeug.http import parse_options_header

MAX_PARTS = 1000
MAX_HEADER_BYTES = 16 * 1024
_LINE = b"\r\n"


class BrokenForm(ValueError):
    """The body is no form; the message says why."""


@dataclass(slots=True)
class FieldFound:
    """A field's bytes begin at `at` in the body. `count`: how many parts have its name."""

    at: int
    is_file: bool
    value: bytes = b""
    count: int = 1


class FormScan:
    """`found` has the wanted fields by name; the first of those with one name."""

    def __init__(self, boundary: bytes, wanted: Collection[str], max_value_bytes: int) -> None:
        self.found: dict[str, FieldFound] = {}
        self._wanted = wanted
        self._max_value_bytes = max_value_bytes
        self._delimiter = _LINE + b"--" + boundary
        # The first boundary may lack the line end before it.
        self._buffer = bytearray(_LINE)
        self._at = -len(_LINE)  # the place of the buffer's first byte in the body
        self._parts = 0
        self._field: FieldFound | None = None
        self._step: Callable[[], bool] = self._seek_delimiter

    def feed(self, data: bytes) -> None:
        """Raises BrokenForm."""
        self._buffer += data
        while self._step():
            pass

    def finish(self) -> None:
        """The body is over; raises BrokenForm when the form is not."""
        if self._step != self._skip_rest:
            raise BrokenForm("it ends before its last boundary")

    def _seek_delimiter(self) -> bool:
        place = self._buffer.find(self._delimiter)
        # Its beginning may be all that has arrived of it.
        sure = place if place >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        self._pass_over(sure)
        if place >= 0:
            self._step = self._judge_delimiter
        return place >= 0

    def _judge_delimiter(self) -> bool:
        """Only with two hyphens or a line end behind it is it one."""
        end = len(self._delimiter) + 2
        if len(self._buffer) < end:
            return False
        behind = self._buffer[end - 2 : end]
        if behind == _LINE:
            self._drop(end - 2)
            self._step = self._read_headers
        elif behind == b"--":
            self._step = self._skip_rest
        else:
            self._pass_over(1)
            self._step = self._seek_delimiter
        return True

    def _read_headers(self) -> bool:
        end = self._buffer.find(_LINE + _LINE)
        if (end if end >= 0 else len(self._buffer)) > MAX_HEADER_BYTES:
            raise BrokenForm("the headers of a part are too long")
        if end < 0:
            return False
        headers = bytes(self._buffer[:end])
        self._drop(end + 2 * len(_LINE))
        self._begin_part(headers)
        self._step = self._seek_delimiter
        return True

    def _skip_rest(self) -> bool:
        self._buffer.clear()
        return False

    def _begin_part(self, headers: bytes) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BrokenForm(f"it has more than {MAX_PARTS} parts")
        options = _disposition(headers)
        name = options.get("name", "")
        self._field = None
        if name in self.found:
            self.found[name].count += 1
        elif name in self._wanted:
            self._field = self.found[name] = FieldFound(self._at, "filename" in options)

    def _pass_over(self, size: int) -> None:
        field = self._field
        if field is not None:
            field.value += self._buffer[:size]
            if len(field.value) > self._max_value_bytes:
                raise BrokenForm("the value of a field is too long")
        self._drop(size)

    def _drop(self, size: int) -> None:
        self._at += size
        del self._buffer[:size]


def _disposition(headers: bytes) -> dict[str, str]:
    """The options of a part's Content-Disposition."""
    try:
        lines = headers.decode().split("\r\n")
    except UnicodeDecodeError:
        raise BrokenForm("the headers of a part are not UTF-8") from None
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return parse_options_header(value)[1]
    raise BrokenForm("a part has no Content-Disposition")
