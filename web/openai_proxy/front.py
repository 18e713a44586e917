"""The data path: a WSGI application for the routes that reach an engine; the rest is Flask's.

Pages and listings are asked for now and then; these routes thousands of times a second. They need
no sessions, templates or converters, so they are answered before Flask is even asked. They come in
by a door: for keys, and behind it, so that it costs them nothing, for who is logged in.
"""

import logging
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from web.database import StorageError
from web.errors import (
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    DatabaseUnavailable,
    GatewayError,
    MethodNotAllowed,
)
from web.openai_proxy import headers
from web.openai_proxy.address import check_address, has_encoded_path
from web.openai_proxy.body import read_head
from web.openai_proxy.doors import Door, Environ
from web.openai_proxy.envelope import error_body, error_headers
from web.openai_proxy.forms import read_form
from web.openai_proxy.forwarding import Forwarder
from web.openai_proxy.inquiry import Answer, Inquiry
from web.openai_proxy.payload import FormPayload, JsonPayload, NoPayload, Payload
from web.openai_proxy.table import Body, Dialect, Route
from web.openai_proxy.waiting import WaitingRoom, preferred_wait_s

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

log = logging.getLogger(__name__)


class DataPath:
    def __init__(
        self,
        rest: "WSGIApplication",
        door: Door,
        forwarder: Forwarder,
        waiting_room: WaitingRoom,
        max_body_mb: int,
    ) -> None:
        self._rest = rest
        self._routes, self._identify, self._kept = door.routes, door.identify, door.kept
        self._forwarder = forwarder
        self._waiting_room = waiting_room
        self._max_body_mb = max_body_mb

    def __call__(self, environ: Environ, start_response: "StartResponse") -> Iterable[bytes]:
        path, response_id = environ["PATH_INFO"], ""
        route = self._routes.get(path)
        if route is None and (kept := self._kept(path)):
            response_id, route = kept
        received_at = time.perf_counter()
        request_id = headers.request_id(environ.get("HTTP_X_REQUEST_ID"))
        try:
            check_address(environ)
            if route is None or has_encoded_path(environ):
                return self._rest(environ, start_response)
            inquiry = self._inquiry(route, environ, request_id, received_at)
            answer = self._forward(inquiry, response_id)
        except GatewayError as error:
            return _refuse(error, route, request_id, start_response)
        except StorageError:
            log.exception("the database failed request %s", request_id)
            return _refuse(DatabaseUnavailable(), route, request_id, start_response)
        try:
            start_response(_status_line(answer.status), answer.headers)
        except BaseException:
            answer.chunks.close()
            raise
        return answer.chunks

    def _forward(self, inquiry: Inquiry, response_id: str) -> Answer:
        try:
            if response_id:
                return self._forwarder.forward_kept(response_id, inquiry)
            return self._waiting_room.forward(inquiry)
        except BaseException:
            inquiry.payload.close()
            raise

    def _inquiry(
        self, route: Route, environ: Environ, request_id: str, received_at: float
    ) -> Inquiry:
        if environ["REQUEST_METHOD"] != route.method:
            raise MethodNotAllowed(route.method)
        # This first: a stranger's body is not even read.
        principal = self._identify(environ)
        session = environ.get("HTTP_X_SESSION_ID")
        return Inquiry(
            principal,
            route,
            self._payload(route, environ),
            headers.passed_lines(environ),
            request_id,
            received_at,
            environ.get("gunicorn.socket"),
            session.encode("latin-1") if session else None,
            preferred_wait_s(environ.get("HTTP_PREFER")),
        )

    def _payload(self, route: Route, environ: Environ) -> Payload:
        if route.body is Body.NONE:
            return NoPayload(model="")
        limit = self._max_body_mb * 1024 * 1024
        length = _content_length(environ)
        if length is not None and length > limit:
            raise BodyTooLarge(self._max_body_mb)
        encoding = environ.get("HTTP_CONTENT_ENCODING", "identity")
        if encoding != "identity":
            raise BadRequest(f"Content-Encoding {encoding} is not accepted; send it plain.")
        _invite_body(environ)
        if route.body is Body.FORM:
            content_type = environ.get("CONTENT_TYPE", "")
            return FormPayload(read_form(_ClientBody(environ), content_type, length, limit))
        body = _ClientBody(environ).read(limit + 1 if length is None else length)
        if len(body) > limit:
            raise BodyTooLarge(self._max_body_mb)
        if length is not None and len(body) < length:
            raise BadRequest("The request body ends before its Content-Length.")
        return JsonPayload(read_head(body), body)


def _invite_body(environ: Environ) -> None:
    """Answer `Expect: 100-continue` (see `GatewayWorker`)."""
    client = environ.get("gunicorn.socket")
    if client is not None and environ.get("HTTP_EXPECT", "").lower() == "100-continue":
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


class _ClientBody:
    """The request's body; what goes wrong while it comes is the client's to hear."""

    def __init__(self, environ: Environ) -> None:
        self._input = environ["wsgi.input"]

    def read(self, size: int) -> bytes:
        try:
            body: bytes = self._input.read(size)
        except TimeoutError:
            raise BodyTimeout from None
        except OSError as error:
            raise BadRequest("The request body breaks off.") from error
        return body


def _content_length(environ: Environ) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    if not text:
        return None if environ.get("HTTP_TRANSFER_ENCODING") else 0
    return int(text)


def _refuse(
    error: GatewayError,
    route: Route | None,
    request_id: str,
    start_response: "StartResponse",
) -> Iterable[bytes]:
    body = error_body(error, route.dialect if route else Dialect.OPENAI)
    told = [*error_headers(error).items(), ("x-request-id", request_id)]
    told.append(("Content-Length", str(len(body))))
    if error.status == 405 and route:
        told.append(("Allow", route.method))
    start_response(_status_line(error.status), told)
    return [body]


def _status_line(status: int) -> str:
    return STATUS_LINES.get(status) or f"{status} Status {status}"
