"""models.yaml on disk: read again when it changed, kept as it was when the change is wrong."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from web.catalog.loader import Catalog, CatalogError, read_catalog
from web.config import Settings

_log = logging.getLogger(__name__)

Signature = tuple[int, int, int]


class CatalogFile:
    """`current()` is cheap enough for every tick: one stat while nothing changes.

    `faults` says what is wrong with the file as it stands now; empty when nothing is.
    """

    def __init__(self, path: Path, job_defaults: Mapping[str, str] | None = None) -> None:
        self.faults: tuple[str, ...] = ()
        self._path = path
        self._job_defaults = job_defaults
        self._catalog: Catalog | None = None
        self._seen: Signature | str | None = "never"

    @classmethod
    def for_settings(cls, settings: Settings) -> Self:
        return cls(settings.models_file, settings.job_defaults)

    def current(self) -> Catalog:
        """The newest catalog that was right. Raises CatalogError while there never was one."""
        # Taken before the file is read: a change in between is then seen by the next call.
        signature = _signature(self._path)
        if signature != self._seen:
            self._seen = signature
            self._reload()
        if self._catalog is None:
            raise CatalogError(self.faults)
        return self._catalog

    def _reload(self) -> None:
        try:
            self._catalog = read_catalog(self._path, self._job_defaults)
        except CatalogError as error:
            for fault in error.faults:
                if fault not in self.faults:
                    _log.error("%s", fault)
            self.faults = error.faults
            return
        if self.faults:
            _log.info("%s is right again: %d models", self._path.name, len(self._catalog))
        self.faults = ()


def _signature(path: Path) -> Signature | None:
    """What tells one version of the file from another; None when it cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
