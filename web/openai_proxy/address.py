"""Whether a request names its target in a way that nobody between can read differently. Pure."""

import re
from collections.abc import Mapping

from web.errors import BadRequest

# Letters, digits, dots and hyphens; underscores, as some local networks have; [::1]; a port.
_host = re.compile(r"[A-Za-z0-9._\-]+(?::\d{0,5})?|\[[0-9A-Fa-f:.]+\](?::\d{0,5})?")


def check_address(environ: Mapping[str, str]) -> None:
    """Raises BadRequest for a target that is no path, and for a host that is none."""
    if environ.get("RAW_URI", "/")[:1] != "/":
        raise BadRequest("The target of a request must be a path that begins with `/`.")
    host = environ.get("HTTP_HOST")
    if host is None:
        if environ["SERVER_PROTOCOL"] == "HTTP/1.1":
            raise BadRequest("The request has no Host header.")
    elif not _host.fullmatch(host):
        raise BadRequest("The Host header is not a host.")


def has_encoded_path(environ: Mapping[str, str]) -> bool:
    """Whether a character of the path is written as %XX; none of the engine's routes needs it."""
    target = environ.get("RAW_URI", "/")
    return "%" in target and "%" in target.partition("?")[0]
