"""What can go wrong for a client, as one tree; each class carries its HTTP status, type and code.

    GatewayError
      MissingKey, InvalidKey                   401
      LoginRefused                             401
      LoginThrottled                           429
      LoginUnavailable                         503, the directory does not answer
      NotLoggedIn, ForeignForm                 401, 403, of the portal
      BadRequest, BodyTooLarge, BodyTimeout    400, 413, 408
        MethodNotAllowed                           405
      ModelNotFound, ResponseNotFound          404
      RateLimited, QuotaExceeded               429: come back soon; not before tomorrow
      NotRoutable                              503, the model serves nobody just now
        ModelStarting                              it will: retry
        ModelUnavailable                           its launches keep failing: do not retry
        Overloaded                                 every ready instance is at its cap
      DatabaseUnavailable                      503
      UpstreamUnreachable, UpstreamTimeout     502, 504, before the first byte
      UpstreamDisconnected                     after the first byte: told inside the stream

The words are OpenAI's where OpenAI has words for the case, because clients match on them
(openai-python 3.52 and openai-node 7.5, read in source).
"""

from collections.abc import Mapping


class GatewayError(Exception):
    """Something to tell the client. `extra` stands beside the four members of the envelope,
    `headers` beside those that every error has."""

    status: int = 500
    type: str = "server_error"
    code: str | None = None
    should_retry: bool | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: int | None = None,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


class MissingKey(GatewayError):
    status = 401
    type = "invalid_request_error"

    def __init__(self) -> None:
        super().__init__(
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
        )


class InvalidKey(GatewayError):
    """The same words for unknown, malformed, expired and revoked: no hint to a guesser."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "Incorrect API key provided. It may be mistyped, expired or revoked; "
            "ask for a new one where you got it."
        )


class LoginRefused(GatewayError):
    """The same words for an unknown user, a wrong password and a disabled account."""

    status = 401
    type = "invalid_request_error"
    code = "invalid_login"

    def __init__(self) -> None:
        super().__init__("This user name and password do not go together, or may not log in.")


class LoginThrottled(GatewayError):
    status = 429
    type = "requests"
    code = "rate_limit_exceeded"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"Too many attempts to log in. Please try again in {retry_after_s} s.",
            retry_after_s=retry_after_s,
        )


class LoginUnavailable(GatewayError):
    status = 503
    type = "service_unavailable_error"
    code = "login_unavailable"
    should_retry = True

    def __init__(self) -> None:
        super().__init__(
            "Nobody can log in just now: the directory of users does not answer. "
            "API keys go on working.",
            retry_after_s=30,
        )


class NotLoggedIn(GatewayError):
    status = 401
    type = "invalid_request_error"
    code = "not_logged_in"

    def __init__(self) -> None:
        super().__init__("You are not logged in, or not any more. Please log in.")


class ForeignForm(GatewayError):
    """The words are for the person whose own form is merely old: nobody else reads them."""

    status = 403
    type = "invalid_request_error"
    code = "foreign_form"

    def __init__(
        self,
        message: str = "This form is out of date, or another site sent it: nothing was done. "
        "Please go back, reload the page and try again.",
    ) -> None:
        super().__init__(message)


class BadRequest(GatewayError):
    status = 400
    type = "invalid_request_error"


class MethodNotAllowed(BadRequest):
    status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This path takes {allowed} only.")


class BodyTooLarge(GatewayError):
    status = 413
    type = "invalid_request_error"
    code = "request_too_large"

    def __init__(self, limit_mb: int) -> None:
        super().__init__(f"The request body is larger than the {limit_mb} MB this gateway accepts.")


class BodyTimeout(BadRequest):
    status = 408

    def __init__(self) -> None:
        super().__init__("The rest of the request body did not come in time.")


class ModelNotFound(GatewayError):
    status = 404
    type = "invalid_request_error"
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        shown = model if len(model) <= 200 else model[:200] + "…"
        super().__init__(
            f"The model `{shown}` does not exist or you do not have access to it.", param="model"
        )


class ResponseNotFound(GatewayError):
    """Unknown, another user's, or gone with the instance that kept it."""

    status = 404
    type = "invalid_request_error"

    def __init__(self, response_id: str, param: str) -> None:
        super().__init__(
            f"Response with id '{response_id}' not found: no running instance keeps it for you.",
            param=param,
        )


class RateLimited(GatewayError):
    """`kind`: what there is too much of, "requests" or "tokens"."""

    status = 429
    code = "rate_limit_exceeded"

    def __init__(
        self, message: str, *, kind: str, retry_after_s: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(message, retry_after_s=retry_after_s, headers=headers)
        self.type = kind


class QuotaExceeded(GatewayError):
    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"

    def __init__(self, message: str, *, retry_after_s: int, should_retry: bool) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.should_retry = should_retry


class NotRoutable(GatewayError):
    status = 503
    type = "service_unavailable_error"


class ModelStarting(NotRoutable):
    code = "model_starting"
    should_retry = True


class ModelUnavailable(NotRoutable):
    code = "model_unavailable"
    should_retry = False


class Overloaded(NotRoutable):
    code = "server_is_overloaded"
    should_retry = True


class DatabaseUnavailable(NotRoutable):
    code = "server_is_overloaded"
    should_retry = True

    def __init__(self) -> None:
        super().__init__(
            "The gateway cannot read its database just now. Please retry after a brief wait.",
            retry_after_s=5,
        )


class UpstreamUnreachable(GatewayError):
    status = 502
    code = "upstream_unreachable"


class UpstreamTimeout(GatewayError):
    status = 504
    code = "upstream_timeout"


class UpstreamDisconnected(GatewayError):
    status = 502
    code = "upstream_disconnected"
