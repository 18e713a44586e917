"""A model's groups, its user's groups, the scope of the key: what comes of them together."""

import pytest

from web.catalog import load_catalog
from web.identity.keys import Principal
from web.identity.permissions import may_use

CATALOG = load_catalog(
    "models: [{name: open, path: p}, {name: lab, path: p, groups: [physics, ml]},"
    " {name: both, path: p, groups: [all, physics]}, {name: none, path: p, groups: [nobody]}]"
)
MODELS = ["open", "lab", "both", "none"]


def usable(principal: Principal) -> list[str]:
    return [each.name for each in CATALOG if may_use(principal, each)]


@pytest.mark.parametrize(
    ("groups", "scope", "expected"),
    [
        ([], None, ["open", "both"]),
        (["chemistry"], None, ["open", "both"]),
        (["physics"], None, ["open", "lab", "both"]),
        (["ml", "chemistry"], None, ["open", "lab", "both"]),
        (["all"], None, ["open", "both"]),
        (["physics"], ["lab"], ["lab"]),
        ([], ["lab"], []),
        ([], ["open", "none"], ["open"]),
        (["Physics", "phys", "physics2"], None, ["open", "both"]),
    ],
)
@pytest.mark.parametrize("is_admin", [False, True])
def test_groups_give_and_the_scope_takes_for_everybody_alike(
    groups: list[str], scope: list[str] | None, expected: list[str], is_admin: bool
) -> None:
    limited_to = frozenset(scope) if scope is not None else None

    assert usable(Principal("k", "ada", limited_to, frozenset(groups), is_admin)) == expected


def test_a_principal_without_groups_has_what_everybody_has() -> None:
    assert usable(Principal("k", "ada", None)) == ["open", "both"]
