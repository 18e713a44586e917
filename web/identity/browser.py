"""What a browser tells of itself: which cookie is ours, and whether a page of ours is asking. Pure.

Sources: Fetch Metadata (W3C), RFC 6265bis on `__Host-`, the URL Standard on what browsers make of
an address.
"""

from urllib.parse import urlsplit

from werkzeug.datastructures import Headers
from werkzeug.http import parse_cookie

SESSION_COOKIE = "kscope_session"
CSRF_HEADER = "X-CSRF-Token"
START = "/"
_MOST_OF_AN_ADDRESS = 2000


def is_https(base_url: str) -> bool:
    return base_url.startswith("https:")


def cookie_name(name: str, base_url: str) -> str:
    """With `__Host-` no other host of the domain, and nobody on the way, can set it."""
    return f"__Host-{name}" if is_https(base_url) else name


def session_token(cookie_header: str | None, base_url: str) -> str:
    """The session's token in a Cookie header; empty when there is none."""
    return parse_cookie(cookie_header).get(cookie_name(SESSION_COOKIE, base_url), "")


def is_from_us(headers: Headers, base_url: str) -> bool:
    """Whether a deed is asked for by a page of ours, by what the browser says of the asking page.

    A client that says nothing is no browser, or one that is too old to say: for that there is the
    token in the form as well.
    """
    if headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("Origin")
    return origin is None or origin.lower() in _origins(headers.get("Host", ""), base_url)


def _origins(host: str, base_url: str) -> set[str]:
    parts = urlsplit(base_url)
    ours = {f"{parts.scheme}://{parts.netloc}".lower()}
    if not is_https(base_url):
        # Under whatever name people reach it: a tunnel, localhost, a server in front that does TLS.
        ours |= {f"http://{host}".lower(), f"https://{host}".lower()}
    return ours


def is_navigation(headers: Headers) -> bool:
    """Whether the browser wants a page to show; otherwise a script of a page asks."""
    mode = headers.get("Sec-Fetch-Mode")
    if mode is None:
        # A browser that does not tell: our scripts do.
        return CSRF_HEADER not in headers and "X-Requested-With" not in headers
    return mode == "navigate"


def comes_from_elsewhere(headers: Headers) -> bool:
    """Whether a link on another site led here: then a browser keeps strict cookies back."""
    return is_navigation(headers) and headers.get("Sec-Fetch-Site") in ("cross-site", "same-site")


def safe_next(address: str) -> str:
    """`address` if it is a page of this gateway, else the start page.

    Browsers take `//host`, `/\\host` and `/<tab>/host` for other hosts.
    """
    if len(address) > _MOST_OF_AN_ADDRESS or not address.isprintable() or not address.isascii():
        return START
    if not address.startswith("/") or address.startswith("//") or set(address) & set("\\ "):
        return START
    return START if urlsplit(address).path in ("/login", "/logout") else address


def page_of(referer: str) -> str:
    """The page of this gateway that a Referer names, else the start page."""
    try:
        return safe_next(urlsplit(referer).path)
    except ValueError:
        return START
