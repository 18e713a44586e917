"""A password that stands in a file of its own, which nobody but its owner may read."""

import os
import stat
from pathlib import Path

from web.identity.directory import DirectoryUnavailable


def read_password(path: Path) -> bytes:
    """The file's first line. Raises DirectoryUnavailable with what to do; never the content."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(4096)
    except OSError as error:
        raise DirectoryUnavailable(f"{path}: cannot be read: {error.strerror}") from error
    if mode & 0o077:
        raise DirectoryUnavailable(
            f"{path}: others can read or write it (mode {mode:04o}): chmod 600 {path}"
        )
    password = content.split(b"\n", 1)[0].rstrip(b"\r")
    if not password or b"\0" in password:
        raise DirectoryUnavailable(f"{path}: its first line is no password")
    return password
