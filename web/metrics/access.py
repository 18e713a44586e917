"""Who may read the metrics: they name models, and say how busy people are. Pure."""

import hmac
from collections.abc import Mapping
from ipaddress import ip_address

# What servers in front add. Behind one of them everybody seems to come from this host.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")


def may_read(
    address: str, headers: Mapping[str, str], token: bytes | None, *, trusts_proxies: bool
) -> bool:
    """`address`: the caller's, as far as it is known; with a `token` nothing else counts."""
    if token is not None:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), token)
    if not trusts_proxies and any(name in headers for name in FORWARDED):
        return False
    return is_loopback(address)


def is_loopback(address: str) -> bool:
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback
