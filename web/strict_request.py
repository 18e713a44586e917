"""gunicorn's request, without the liberties that its C parser takes (gunicorn_h1c 0.6).

It joins folded headers, ends lines at a bare LF and skips blanks in the request line: RFC 9112 lets
it, but another server in front may read the same bytes as another request.
"""

from typing import Any

from gunicorn.http.errors import InvalidHeader, InvalidRequestLine
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser


class StrictRequest(Request):  # type: ignore[misc]  # gunicorn ships no types
    def _parse_fast(self, unreader: Any, buf: bytearray) -> bytes:
        """Called with what has arrived; `buf` grows until it holds the whole head."""
        rest: bytes = super()._parse_fast(unreader, buf)
        end = len(buf) - len(rest)
        if buf.count(b"\n", 0, end) != buf.count(b"\r\n", 0, end):
            raise InvalidHeader("a line does not end with CRLF")
        if buf.find(b"\n ", 0, end) >= 0 or buf.find(b"\n\t", 0, end) >= 0:
            raise InvalidHeader("a folded header")
        # One empty line may stand before the first.
        first = 2 if buf.startswith(b"\r\n") else 0
        if buf.count(b" ", first, buf.find(b"\r\n", first)) != 2:
            raise InvalidRequestLine("not three words")
        return rest


def install() -> None:
    """From now on, connections of this process read StrictRequests."""
    RequestParser.mesg_class = StrictRequest
