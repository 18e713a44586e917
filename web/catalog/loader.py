"""models.yaml → Catalog. A wrong file is refused whole, with every fault named by its line."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError

from web.catalog.deployment import Deployment
from web.catalog.marked_yaml import Document, Fault, Path, parse, spelled
from web.catalog.schema import DEFAULT_KEYS, KEYS, Entry, faults_of, unknown_key


class CatalogError(Exception):
    """A file that cannot be used; `faults` reads `models.yaml:12: models[1].gpus: must be …`."""

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Catalog:
    """The deployments, in the file's order."""

    def __init__(self, deployments: Iterable[Deployment]) -> None:
        self._deployments = tuple(deployments)
        self._by_name = {
            name: deployment
            for deployment in self._deployments
            for name in (deployment.name, *deployment.aliases)
        }
        plain = json.dumps(
            [asdict(each) for each in self._deployments], sort_keys=True, default=str
        )
        self.fingerprint = hashlib.sha256(plain.encode()).hexdigest()[:16]

    def find(self, name_or_alias: str) -> Deployment | None:
        return self._by_name.get(name_or_alias)

    def __iter__(self) -> Iterator[Deployment]:
        return iter(self._deployments)

    def __len__(self) -> int:
        return len(self._deployments)


def read_catalog(path: FilePath, job_defaults: Mapping[str, str] | None = None) -> Catalog:
    """Raises CatalogError, also when the file cannot be read."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CatalogError((f"{path}: cannot be read: {error.strerror}",)) from error
    except UnicodeDecodeError as error:
        raise CatalogError((f"{path.name}: is not UTF-8: byte {error.start}",)) from error
    return load_catalog(text, job_defaults, source=path.name)


def load_catalog(
    text: str, job_defaults: Mapping[str, str] | None = None, source: str = "models.yaml"
) -> Catalog:
    """`job_defaults` ({"partition" | "qos" | "account": …}) stand below the file's `defaults:`."""
    document = parse(text)
    faults = list(document.faults)
    deployments = []
    if document.value is not None or not faults:
        faults += [*_root_faults(document), *_defaults_faults(document), *_name_faults(document)]
        for index, raw in _models(document):
            merged = _with_defaults(raw, _defaults(document), job_defaults or {})
            try:
                deployments.append(Entry.model_validate(merged).deployment())
            except ValidationError as error:
                faults += _entry_faults(document, index, error)
    if faults:
        raise CatalogError(_in_words(faults, source))
    return Catalog(deployments)


def _root_faults(document: Document) -> Iterator[Fault]:
    root = document.value
    if not isinstance(root, dict):
        yield Fault(1, (), "must be a mapping with `models:`, such as models.example.yaml")
        return
    for key in root.keys() - {"defaults", "models"}:
        words = unknown_key(key, ("defaults", "models"))
        yield Fault(document.lines[(key,)], (key,), words)
    models = root.get("models")
    if not isinstance(models, list):
        # Never taken for "no models": an empty file may be one that is just being written.
        words = "must be a list of models" if "models" in root else "is missing"
        yield Fault(document.lines.get(("models",), 1), ("models",), words)
        return
    for index, model in enumerate(models):
        if not isinstance(model, dict):
            path = ("models", index)
            yield Fault(document.lines[path], path, "must be a mapping with `name:` and `path:`")


def _defaults_faults(document: Document) -> Iterator[Fault]:
    defaults = document.value.get("defaults", {}) if isinstance(document.value, dict) else {}
    if not isinstance(defaults, dict):
        yield Fault(document.lines["defaults",], ("defaults",), "must be a mapping")
        return
    for key in defaults.keys() - set(DEFAULT_KEYS):
        words = "cannot be a default" if key in KEYS else unknown_key(key, DEFAULT_KEYS)
        yield Fault(document.lines["defaults", key], ("defaults", key), words)


def _name_faults(document: Document) -> Iterator[Fault]:
    """Names and aliases that stand for two models at once."""
    taken: dict[str, Path] = {}
    for index, raw in _models(document):
        aliases = raw.get("aliases")
        paths: list[Path] = [("models", index, "name")]
        paths += [
            ("models", index, "aliases", place)
            for place in range(len(aliases) if isinstance(aliases, list) else 0)
        ]
        for path in paths:
            name = document.written.get(path)
            if name is not None and name in taken:
                first = taken[name]
                words = f"{name!r} is taken by {spelled(first)} in line {document.lines[first]}"
                yield Fault(document.lines[path], path, words)
            elif name is not None:
                taken[name] = path


def _models(document: Document) -> Iterator[tuple[int, dict[str, Any]]]:
    models = document.value.get("models") if isinstance(document.value, dict) else None
    for index, raw in enumerate(models if isinstance(models, list) else []):
        if isinstance(raw, dict):
            yield index, raw


def _defaults(document: Document) -> dict[str, Any]:
    defaults = document.value.get("defaults")
    known = defaults if isinstance(defaults, dict) else {}
    return {key: value for key, value in known.items() if key in DEFAULT_KEYS}


def _with_defaults(
    raw: dict[str, Any], defaults: dict[str, Any], job_defaults: Mapping[str, str]
) -> dict[str, Any]:
    """A model's own keys win; engine_args and env are merged key by key."""
    merged = {**job_defaults, **defaults, **raw}
    for key in ("engine_args", "env"):
        own, common = raw.get(key, {}), defaults.get(key, {})
        if isinstance(own, dict) and isinstance(common, dict):
            merged[key] = {**common, **own}
    return merged


def _entry_faults(document: Document, index: int, error: ValidationError) -> Iterator[Fault]:
    def place(path: Path) -> Path:
        own = ("models", index, *path)
        common = ("defaults", *path)
        inherited = own not in document.lines and common in document.lines
        return common if inherited and path[0] in DEFAULT_KEYS else own

    for path, words in faults_of(error, lambda path: document.written.get(place(path))):
        found = known = place(path)
        while known not in document.lines:
            known = known[:-1]
        yield Fault(document.lines[known], found, words)


def _in_words(faults: list[Fault], source: str) -> tuple[str, ...]:
    """In the file's order; a fault in `defaults:` that every model inherits is told once."""
    in_order = sorted(set(faults), key=lambda fault: (fault.line, spelled(fault.path)))
    return tuple(
        ": ".join(filter(None, (f"{source}:{fault.line}", spelled(fault.path), fault.words)))
        for fault in in_order
    )
