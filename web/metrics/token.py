"""The token that `/metrics` asks for, in a file of its own."""

from pathlib import Path

from web.config import ConfigError
from web.identity.directory import DirectoryUnavailable
from web.identity.directory.password_file import read_password


def read_token(path: Path | None) -> bytes | None:
    """Raises ConfigError, with what to do, for a file that cannot be read or that others can."""
    if path is None:
        return None
    try:
        return read_password(path)
    except DirectoryUnavailable as error:
        raise ConfigError((f"METRICS_TOKEN_FILE: {error}",)) from error
