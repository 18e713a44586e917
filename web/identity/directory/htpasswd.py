"""Users of an htpasswd file: bcrypt, sha512-crypt, sha256-crypt and apr1, as Apache writes them.

What can be undone (plain text) or guessed at once (DES crypt, {SHA}) vouches for nobody.
"""

import logging
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from passlib.context import CryptContext

from web.identity.accounts import Source
from web.identity.directory import Beside, Denial, DirectoryUnavailable, Vouched, at_once
from web.identity.directory.names import account_name, password_bytes

SCHEMES = ("bcrypt", "sha512_crypt", "sha256_crypt", "apr_md5_crypt")
# As in /etc/shadow: what stands behind it is nobody's password until it is taken away.
_DISABLED = ("!", "*")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    hash: str
    is_ambiguous: bool = False


class HtpasswdDirectory:
    """Reads the file anew when it has changed."""

    source = Source.HTPASSWD

    def __init__(self, path: Path, beside: Beside = at_once) -> None:
        self._path = path
        self._beside = beside
        self._context = CryptContext(schemes=list(SCHEMES))
        self._seen: tuple[int, ...] | None = None
        self._lines: dict[str, _Line] = {}

    def check(self, user: str, password: str) -> Vouched | Denial:
        lines = self._newest()
        line = lines.get(account_name(user) or "")
        # An unknown user takes as long as the first one in the file.
        judged = line or next(iter(lines.values()))
        usable = password_bytes(password) is not None
        is_right = usable and self._beside(lambda: self._is_password(judged.hash, password))
        if line is None:
            return Denial.UNKNOWN
        return _standing(line) or (Vouched(line.name) if is_right else Denial.WRONG_PASSWORD)

    def lookup_each(self, users: Iterable[str]) -> Iterator[tuple[str, Vouched | Denial]]:
        lines = self._newest()
        for user in users:
            line = lines.get(user)
            yield user, Denial.UNKNOWN if line is None else _standing(line) or Vouched(line.name)

    def _is_password(self, hash_: str, password: str) -> bool:
        try:
            return self._context.identify(hash_) is not None and self._context.verify(
                password, hash_
            )
        except ValueError:  # a hash that is cut off; a password beyond bcrypt's 72 bytes
            return False

    def _newest(self) -> dict[str, _Line]:
        try:
            status = self._path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size)
            if seen != self._seen:
                if stat.S_IMODE(status.st_mode) & 0o022:
                    raise DirectoryUnavailable(f"{self._path}: others can write it: chmod go-w")
                self._lines = self._read()
                self._seen = seen
        except OSError as error:
            raise DirectoryUnavailable(f"{self._path}: {error.strerror}") from error
        return self._lines

    def _read(self) -> dict[str, _Line]:
        lines = parse(self._path.read_text("utf-8", errors="replace"))
        if not lines:
            # Somebody is just writing it, or took the wrong file: nobody is known to be gone.
            raise DirectoryUnavailable(f"{self._path}: there is no user in it")
        weak = [
            line.name
            for line in lines.values()
            if not line.hash.startswith(_DISABLED) and self._context.identify(line.hash) is None
        ]
        if weak:
            log.warning("%s: not bcrypt, sha512, sha256 or apr1, and so not accepted: %s",
                        self._path, ", ".join(weak))  # fmt: skip
        return lines


def parse(text: str) -> dict[str, _Line]:
    """Account name -> line. Two lines for one name vouch for neither."""
    lines: dict[str, _Line] = {}
    for row in text.splitlines():
        user, colon, rest = row.strip().partition(":")
        name = account_name(user)
        if not colon or user.startswith("#") or name is None:
            continue
        lines[name] = _Line(name, rest.partition(":")[0], is_ambiguous=name in lines)
    return lines


def _standing(line: _Line) -> Denial | None:
    if line.is_ambiguous:
        return Denial.AMBIGUOUS
    return Denial.DISABLED if line.hash.startswith(_DISABLED) else None
