"""Every page in a real browser: seen by axe, in both themes, on a phone, and at 200 %."""

from dataclasses import dataclass

import pytest

from tests.browser.looks import faults
from tests.browser.world import ADMIN, USER
from web.app import create_app
from web.config import Settings


@dataclass(frozen=True)
class Look:
    """What to look at: `name` is the picture's; `who` is logged in; the status of the answer."""

    name: str
    path: str
    who: str | None = USER
    status: int = 200


LOOKS = (
    Look("nobody, login", "/login", None),
    Look("nobody, no such page", "/nothing-here", None, 404),
    Look("nobody, docs", "/docs", None),
    Look("user, no such page", "/nothing-here", USER, 404),
    Look("user, home", "/"),
    Look("user, models", "/models"),
    Look("user, models none found", "/models?q=nothing"),
    Look("user, model ready", "/models/{ready}"),
    Look("user, model starting", "/models/{starting}"),
    Look("user, model broken", "/models/{broken}"),
    Look("user, model cold", "/models/{cold}"),
    Look("user, use it", "/use"),
    Look("user, use it with continue", "/use?client=continue&model={cold}"),
    Look("user, playground", "/playground"),
    Look("user, keys", "/keys"),
    Look("user, keys expired", "/keys?show=expired"),
    Look("user, keys revoked", "/keys?show=revoked"),
    Look("user, keys none found", "/keys?q=nothing"),
    Look("user, key new", "/keys/new"),
    Look("user, key rotate", "/keys/{key}/rotate"),
    Look("user, usage", "/usage"),
    Look("user, usage of a year", "/usage?range=year"),
    Look("admin, home", "/", ADMIN),
    Look("admin, usage of everybody", "/usage/everybody", ADMIN),
    Look("admin, usage of a user", "/usage?user={user}", ADMIN),
    Look("admin, keys", "/keys", ADMIN),
    Look("admin, overview", "/admin", ADMIN),
    Look("admin, users", "/admin/users", ADMIN),
    Look("admin, users none found", "/admin/users?q=nothing", ADMIN),
    Look("admin, user", "/admin/users/one?name={user}", ADMIN),
    Look("admin, user new", "/admin/users/new", ADMIN),
    Look("admin, keys of all", "/admin/keys", ADMIN),
    Look("admin, key new", "/admin/keys/new", ADMIN),
    Look("admin, limits", "/admin/limits", ADMIN),
    Look("admin, limit", "/admin/limits/one?scope=user&name={user}", ADMIN),
    Look("admin, instances", "/admin/instances", ADMIN),
    Look("admin, instance", "/admin/instances/one?id={instance}", ADMIN),
    Look("admin, orphans", "/admin/orphans", ADMIN),
    Look("admin, warm windows", "/admin/warm", ADMIN),
    Look("admin, audit", "/admin/audit", ADMIN),
    Look("admin, who uses what", "/admin/use", ADMIN),
    Look("user, admin is none", "/admin", USER, 404),
)
# Not pages: parts of pages that are asked for again, and what a script of a page asks for.
PARTS = frozenset(
    {
        "/live/home",
        "/live/models",
        "/live/models/<path:name>",
        "/playground/progress",
        "/usage/csv",
        "/usage/everybody/csv",
        "/admin/now",
        "/admin/instances/table",
        "/admin/instances/one/state",
        "/admin/use/now",
        "/static/<path:filename>",
    }
)


def test_every_page_is_looked_at(tmp_path):
    (tmp_path / "models.yaml").write_text("models: []")
    named = {"DATA_DIR": str(tmp_path), "MODELS_FILE": str(tmp_path / "models.yaml")}
    app = create_app(Settings.from_env(named))
    pages = {
        rule.rule
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith("portal.")
        and "GET" in (rule.methods or ())
        and rule.rule not in PARTS
    }
    router = app.url_map.bind("127.0.0.1")
    looked_at = {
        router.match(look.path.partition("?")[0], return_rule=True)[0].rule
        for look in LOOKS
        if look.status == 200
    }
    assert pages - looked_at == set()


@pytest.mark.parametrize("look", LOOKS, ids=[look.name for look in LOOKS])
def test_a_page_is_in_order(portal, visit, look):
    visitor = visit(look.who)
    visitor.go(look.path.format_map(portal.places), look.status)

    assert faults(visitor, look.name) == {}
