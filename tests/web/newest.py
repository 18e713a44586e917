"""A database at the newest revision, as a file to begin with: migrating takes its time."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from web.database import Database


def newest(folder: Path) -> Database:
    """An empty SQLite database in `folder`, where a gateway looks for it."""
    file = folder / "kscope.db"
    file.write_bytes(_newest())
    file.chmod(0o600)
    return Database(f"sqlite:///{file}")


@cache
def _newest() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "kscope.db"
        database = Database(f"sqlite:///{file}")
        database.migrate()
        database.close()
        return file.read_bytes()
