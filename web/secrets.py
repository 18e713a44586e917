"""The gateway's own secrets: peppers by version, in one file that only its owner can read.

    {"current": 1, "peppers": {"1": "<32 bytes, base64>"}}

Everything that must be recognised later (keys of users, tokens of workers, keys of engines) comes
from a pepper by HMAC-SHA256, so that the database alone is worth nothing to a thief. To change the
pepper, add a version and make it current: what was made with an older one goes on working until
that version is removed.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
import stat
import tempfile
from pathlib import Path

FILE_NAME = "secrets.json"
_PEPPER_BYTES = 32


class SecretsError(Exception):
    """The secrets file cannot be used; the text says what to do."""


class Secrets:
    """Creates the file if it is missing. Raises SecretsError if it cannot be used as it is."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / FILE_NAME
        try:
            if not path.exists():
                _create(path)
            self.current, self._peppers = _read(path)
        except OSError as error:
            raise SecretsError(f"{path}: cannot be used: {error.strerror}") from error

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version there is, the current one first."""
        return tuple(sorted(self._peppers, key=lambda version: version != self.current))

    def digest(self, purpose: str, value: str, version: int | None = None) -> str:
        """64 hex digits to keep in place of `value`. Raises KeyError for an unknown version."""
        return self._hmac("digest", purpose, value, version).hex()

    def derive(self, purpose: str, value: str, version: int | None = None) -> str:
        """A secret of 43 URL-safe characters that belongs to `value`, the same every time."""
        raw = self._hmac("derive", purpose, value, version)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def matches(self, purpose: str, value: str, presented: str, version: int) -> bool:
        """Whether `presented` is the digest of `value`, in constant time."""
        if version not in self._peppers:
            return False
        expected = self.digest(purpose, value, version)
        return hmac.compare_digest(expected.encode(), _bytes(presented))

    def _hmac(self, use: str, purpose: str, value: str, version: int | None) -> bytes:
        pepper = self._peppers[self.current if version is None else version]
        # JSON keeps the parts apart: no two triples give the same message.
        message = json.dumps([use, purpose, value]).encode()
        return hmac.digest(pepper, message, hashlib.sha256)


def _create(path: Path) -> None:
    """Write new secrets unless another process was faster: its file then stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pepper = base64.b64encode(secrets.token_bytes(_PEPPER_BYTES)).decode()
    content = json.dumps({"current": 1, "peppers": {"1": pepper}})
    # mkstemp opens with O_EXCL and mode 0600. A link appears whole or not at all, and unlike a
    # rename it never replaces what another process has read already.
    descriptor, name = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(name, path)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()


def _read(path: Path) -> tuple[int, dict[int, bytes]]:
    with path.open(encoding="utf-8") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise SecretsError(
                f"{path}: others can read or write it (mode {mode:04o}). Only its owner may: "
                f"chmod 600 {path}; if others may have read it, remove it, and all keys with it"
            )
        text = file.read()
    try:
        content = json.loads(text)
        current = int(content["current"])
        peppers = {
            int(version): base64.b64decode(pepper, validate=True)
            for version, pepper in content["peppers"].items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SecretsError(f"{path}: is damaged; put it back from a backup") from error
    if current not in peppers or min(map(len, peppers.values())) < _PEPPER_BYTES:
        raise SecretsError(f"{path}: lacks its current pepper; put it back from a backup")
    return current, peppers


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
