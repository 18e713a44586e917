"""Requests are found in bytes, however the bytes arrive."""

import pytest

from slurm.simulator.connection import BadRequest, parse

SIZED = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
)


@pytest.mark.parametrize("whole", [SIZED, CHUNKED])
def test_a_request_is_complete_with_its_last_byte_and_not_before(whole: bytes) -> None:
    for size in range(len(whole)):
        assert parse(whole[:size]) == (None, whole[:size])
    request, behind = parse(whole + b"GET / ")
    assert request is not None
    assert (request.method, request.path, request.body) == ("POST", "/a", b"hello")
    assert behind == b"GET / "


@pytest.mark.parametrize(
    ("version", "wish", "kept"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close", False),
        ("1.0", "", False),
        ("1.0", "Connection: Keep-Alive", True),
    ],
)
def test_who_keeps_the_connection(version: str, wish: str, kept: bool) -> None:
    request, _ = parse(f"GET / HTTP/{version}\r\n{wish or 'X: y'}\r\n\r\n".encode())
    assert request is not None
    assert request.keep_alive is kept


@pytest.mark.parametrize(
    "junk",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"x" * 70000,
    ],
)
def test_what_is_no_request_is_refused(junk: bytes) -> None:
    with pytest.raises(BadRequest):
        parse(junk)
