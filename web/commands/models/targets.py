"""What a person means by a word on the command line. Pure."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from web.catalog.loader import Catalog
from web.fleet.states import Instance

_MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A model by its public name; with `instance`, only that one of its instances.

    `instances` are all that are known of the model, over or not, the newest first.
    """

    model: str
    instance: Instance | None
    instances: tuple[Instance, ...]


class NoSuchTarget(Exception):
    """Nothing is called that; says what is."""


def find_target(word: str, catalog: Catalog, known: Sequence[Instance]) -> Target:
    """`word` is a model's name or alias, or an instance's id. Raises NoSuchTarget."""
    deployment = catalog.find(word)
    if deployment is not None:
        return Target(deployment.name, None, _of(deployment.name, known))
    instance = next((i for i in known if i.id == word), None)
    if instance is not None:
        return Target(instance.model, instance, _of(instance.model, known))
    # It has left the catalog, but not the cluster.
    if any(i.model == word for i in known):
        return Target(word, None, _of(word, known))
    raise NoSuchTarget(_in_words(word, catalog, known))


def _of(model: str, known: Iterable[Instance]) -> tuple[Instance, ...]:
    own = (i for i in known if i.model == model)
    return tuple(sorted(own, key=lambda i: i.created_at, reverse=True))


def _in_words(word: str, catalog: Catalog, known: Iterable[Instance]) -> str:
    names = [each.name for each in catalog]
    aliases = [alias for each in catalog for alias in each.aliases]
    near = _near(word, [*names, *aliases, *(i.id for i in known)])
    found = f"no model and no instance is called {word!r}"
    if near:
        return f"{found}; did you mean {' or '.join(near)}?"
    shown = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
    return f"{found}; there are: {shown or 'no models'}"


def _near(word: str, names: Iterable[str]) -> list[str]:
    """At most three: those that contain the word, then those that are spelled much like it."""
    by_lower = {name.lower(): name for name in names}
    wanted = word.lower()
    containing = [lower for lower in by_lower if wanted and wanted in lower]
    alike = difflib.get_close_matches(wanted, by_lower, n=3, cutoff=0.6)
    return [by_lower[lower] for lower in dict.fromkeys((*containing, *alike))][:3]
