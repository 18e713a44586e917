"""The gateway's own secrets: peppers by version, in one file that only its owner can read.

    {"current": 1, "peppers": {"1": "<32 bytes, base64>"}}

Everything that must be recognised later (keys of users, tokens of workers, keys of engines) comes
from a pepper by HMAC-SHA256, so that the database alone is worth nothing to a thief. To change the
pepper, add a version and make it current (`add_pepper`): what was made with an older one goes on
working until that version is removed. Processes that run notice the change by themselves.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import logging
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

FILE_NAME = "secrets.json"
_PEPPER_BYTES = 32
_Content: TypeAlias = tuple[int, dict[int, bytes]]  # the current version, peppers by version
_Signature: TypeAlias = tuple[int, int, int]

log = logging.getLogger(__name__)


class SecretsError(Exception):
    """The secrets file cannot be used; the text says what to do."""


class Secrets:
    """Creates the file if it is missing. Raises SecretsError if it cannot be used as it is."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE_NAME
        try:
            if not self._path.exists():
                _create(self._path)
            self._seen: _Signature | None = _signature(self._path)
            self._content = _read(self._path)
        except OSError as error:
            raise SecretsError(f"{self._path}: cannot be used: {error.strerror}") from error

    @property
    def current(self) -> int:
        """The version that is used for what is made now."""
        return self._newest()[0]

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version there is, the current one first."""
        current, peppers = self._newest()
        return tuple(sorted(peppers, key=lambda version: version != current))

    def digest(self, purpose: str, value: str, version: int | None = None) -> str:
        """64 hex digits to keep in place of `value`. Raises KeyError for an unknown version."""
        return self._hmac("digest", purpose, value, version).hex()

    def derive(self, purpose: str, value: str, version: int | None = None) -> str:
        """A secret of 43 URL-safe characters that belongs to `value`, the same every time."""
        raw = self._hmac("derive", purpose, value, version)
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def matches(self, purpose: str, value: str, presented: str, version: int) -> bool:
        """Whether `presented` is the digest of `value`, in constant time."""
        if version not in self._newest()[1]:
            return False
        expected = self.digest(purpose, value, version)
        return hmac.compare_digest(expected.encode(), _bytes(presented))

    def _hmac(self, use: str, purpose: str, value: str, version: int | None) -> bytes:
        current, peppers = self._newest()
        pepper = peppers[current if version is None else version]
        # JSON keeps the parts apart: no two triples give the same message.
        message = json.dumps([use, purpose, value]).encode()
        return hmac.digest(pepper, message, hashlib.sha256)

    def _newest(self) -> _Content:
        """What the file says; what it said before while it cannot be used."""
        try:
            seen = _signature(self._path)
        except OSError:
            seen = None
        if seen != self._seen:
            self._seen = seen
            try:
                self._content = _read(self._path)
            except (OSError, SecretsError) as error:
                log.warning("the secrets stay as they were read before: %s", error)
        return self._content


def add_pepper(data_dir: Path) -> int:
    """A new pepper, current from now on; returns its version. Raises SecretsError."""
    path = data_dir / FILE_NAME
    Secrets(data_dir)
    try:
        with (data_dir / f".{FILE_NAME}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _, peppers = _read(path)
            version = max(peppers) + 1
            peppers[version] = secrets.token_bytes(_PEPPER_BYTES)
            with _fresh_file(path, _written(version, peppers)) as name:
                name.replace(path)
    except OSError as error:
        raise SecretsError(f"{path}: cannot be written: {error.strerror}") from error
    return version


def _create(path: Path) -> None:
    """Write new secrets unless another process was faster: its file then stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = _written(1, {1: secrets.token_bytes(_PEPPER_BYTES)})
    # A link appears whole or not at all, and unlike a rename it never replaces what another
    # process has read already.
    with _fresh_file(path, content) as name, contextlib.suppress(FileExistsError):
        os.link(name, path)


@contextlib.contextmanager
def _fresh_file(path: Path, content: str) -> Iterator[Path]:
    """A file beside `path`, on the disk; gone at the end if it still has its name."""
    # mkstemp opens with O_EXCL and mode 0600.
    descriptor, name = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _written(current: int, peppers: Mapping[int, bytes]) -> str:
    encoded = {str(v): base64.b64encode(pepper).decode() for v, pepper in peppers.items()}
    return json.dumps({"current": current, "peppers": encoded})


def _signature(path: Path) -> _Signature:
    """Another one whenever the file is another one."""
    status = path.stat()
    # The time of change is that of the content, the mode or the owner.
    return status.st_ino, status.st_ctime_ns, status.st_size


def _read(path: Path) -> _Content:
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
