"""Passwords of local accounts: what is kept in their place.

scrypt as werkzeug spells it (N = 2^15, r = 8, p = 1: 32 MiB and some 60 ms a guess): it comes with
Flask and OpenSSL, argon2 would be one more compiled dependency for the same strength here.
"""

from werkzeug.security import check_password_hash, generate_password_hash

MIN_LENGTH = 10
# Far above what anybody types, far below what would keep a worker busy.
MAX_LENGTH = 1024
_METHOD = "scrypt"


def hash_password(password: str) -> str:
    """ValueError for a password that is too short, too long, or cannot be typed."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise ValueError(f"a password has {MIN_LENGTH} to {MAX_LENGTH} characters")
    if not password.isprintable():
        raise ValueError("a password has printable characters only")
    return generate_password_hash(password, _METHOD)


def is_password(password_hash: str, password: str) -> bool:
    """Whether this is the password. Takes as long as a guess should: beside the event loop."""
    if not 0 < len(password) <= MAX_LENGTH or not password.isprintable():
        return False
    return check_password_hash(password_hash, password)
