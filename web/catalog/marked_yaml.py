"""YAML to plain Python with the line of every value, and every fault of form instead of the first.

Only what JSON could say comes out: mappings with text keys, lists, text, numbers, booleans, null.
No tag can build an object. Nodes are counted as they are expanded, so aliases that multiply
("billion laughs") end at a bound.
"""

from collections import ChainMap
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

MAX_CHARACTERS = 1_000_000
MAX_NODES = 50_000
MAX_DEPTH = 30

_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a place; `path` is empty for the document itself."""

    line: int
    path: Path
    words: str


@dataclass(slots=True)
class Document:
    """`lines` and `written` (a scalar as it stands in the file) are keyed by path."""

    value: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    written: dict[Path, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


class _TooMuch(Exception):
    pass


def parse(text: str) -> Document:
    """Read one YAML document. What could not be read stands in `faults`."""
    document = Document()
    if len(text) > MAX_CHARACTERS:
        document.faults.append(Fault(1, (), f"is longer than {MAX_CHARACTERS} characters"))
        return document
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is not None:
            document.value = _Expansion(document).value(root, ())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.faults.append(Fault(line, (), "has a character that YAML does not allow"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        document.faults.append(Fault(line, (), f"is not valid YAML: {error.problem}"))
    except RecursionError:
        document.faults.append(Fault(1, (), "is nested too deeply"))
    except _TooMuch as error:
        document.faults.append(Fault(1, (), str(error)))
    return document


class _Expansion:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._constructor = yaml.constructor.SafeConstructor()
        self._nodes_left = MAX_NODES

    def value(self, node: yaml.Node, path: Path) -> Any:
        self._count(path)
        self._document.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTIONS:
            self._fault(node, path, "must be a plain mapping or list: remove its tag")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _count(self, path: Path) -> None:
        self._nodes_left -= 1
        if self._nodes_left < 0:
            raise _TooMuch(f"has more than {MAX_NODES} values once its aliases are expanded")
        if len(path) > MAX_DEPTH:
            raise _TooMuch("is nested too deeply, or an alias contains itself")

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        # Merged keys first, so that the lines of the mapping's own keys win as their values do.
        merged = [self._merged(child, path) for key, child in node.value if key.tag == _MERGE]
        own: dict[str, Any] = {}
        for key, child in node.value:
            inner = (*path, key.value)
            if key.tag == _MERGE:
                continue
            if key.tag != _TEXT:
                self._fault(key, path, "a key must be text: quote it" + _quoted(key))
            elif key.value in own:
                first = self._document.lines[inner]
                self._fault(key, inner, f"stands twice, first in line {first}")
            else:
                self._document.lines[inner] = key.start_mark.line + 1
                own[key.value] = self.value(child, inner)
        return dict(ChainMap(own, *merged))

    def _merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """The value of `<<`: one mapping or a list of them, of which the first wins."""
        found: list[dict[str, Any]] = []
        for part in node.value if isinstance(node, yaml.SequenceNode) else [node]:
            self._count(path)
            if isinstance(part, yaml.MappingNode):
                found.append(self._mapping(part, path))
            else:
                self._fault(part, path, "<< must be a mapping or a list of mappings")
        return dict(ChainMap(*found))

    def _scalar(self, node: yaml.Node, path: Path) -> Any:
        self._document.written[path] = node.value
        try:
            value = self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            value = node
        if value is None or isinstance(value, str | int | float):
            return value
        self._fault(node, path, "must be text or a number: quote it" + _quoted(node))
        return node.value

    def _fault(self, node: yaml.Node, path: Path, words: str) -> None:
        self._document.faults.append(Fault(node.start_mark.line + 1, path, words))


def _quoted(node: yaml.Node) -> str:
    shown = isinstance(node, yaml.ScalarNode) and len(node.value) < 50
    return f', "{node.value}"' if shown else ""


def spelled(path: Path) -> str:
    """A path as people write it: models[1].gpus."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")
