"""Answers that are errors, in vLLM's words (0.32): an integer `code`, 400 where others say 422."""

from __future__ import annotations

from typing import Any

MAX_REPORTED = 10


class ApiError(Exception):
    """An error answer of a route. `param` names the member of the body that is at fault."""

    def __init__(
        self, message: str, param: str | None = None, status: int = 400, kind: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {
            "error": {
                "message": message,
                "type": kind or _KINDS.get(status, "BadRequestError"),
                "param": param,
                "code": status,
            }
        }


_KINDS = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


def refused_value(message: str, param: str, value: object) -> ApiError:
    """vLLM's own checks repeat the parameter and its value in the message."""
    return ApiError(f"{message} (parameter={param}, value={value})", param)


def refused(message: str, param: str) -> ApiError:
    return ApiError(f"{message} (parameter={param})", param)


def invalid(faults: list[dict[str, str]]) -> ApiError:
    """What pydantic finds: every fault listed, `param` is the place of the first."""
    label = "error" if len(faults) == 1 else "errors"
    lines = [f"{len(faults)} validation {label}:"]
    lines += [f"  {fault}" for fault in faults[:MAX_REPORTED]]
    if len(faults) > MAX_REPORTED:
        lines.append(f"  ...and {len(faults) - MAX_REPORTED} more {label}")
    return ApiError("\n".join(lines), faults[0]["loc"], kind="Bad Request")


def fault(kind: str, place: str, message: str, given: object) -> dict[str, str]:
    return {"type": kind, "loc": place, "msg": message, "input": _shortened(given)}


def _shortened(value: object) -> str:
    """vLLM does not repeat what was sent when it is more than a word."""
    if isinstance(value, (dict, list)):
        return f"<{type(value).__name__} of {len(value)} items>"
    return str(value)
