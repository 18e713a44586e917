"""models.yaml → deployments."""

from web.catalog.deployment import Deployment
from web.catalog.file import CatalogFile
from web.catalog.loader import Catalog, CatalogError, load_catalog, read_catalog

__all__ = [
    "Catalog",
    "CatalogError",
    "CatalogFile",
    "Deployment",
    "load_catalog",
    "read_catalog",
]
