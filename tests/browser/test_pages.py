"""Every page in a real browser: seen by axe, in both themes, on a phone, and at 200 %."""

from dataclasses import dataclass

import pytest

from tests.browser import axe, screenshots
from tests.browser.axe import NARROW
from tests.browser.kit import WIDE
from tests.browser.world import ADMIN, USER


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
    Look("user, keys", "/keys"),
    Look("user, keys expired", "/keys?show=expired"),
    Look("user, keys revoked", "/keys?show=revoked"),
    Look("user, keys none found", "/keys?q=nothing"),
    Look("user, key new", "/keys/new"),
    Look("user, key rotate", "/keys/{key}/rotate"),
    Look("user, playground", "/playground"),
    Look("admin, keys", "/keys", ADMIN),
    Look("user, no such page", "/nothing-here", USER, 404),
    Look("admin, no such page", "/nothing-here", ADMIN, 404),
)


@pytest.mark.parametrize("look", LOOKS, ids=[look.name for look in LOOKS])
def test_a_page_is_in_order(portal, visit, look):
    visitor = visit(look.who)
    page = visitor.go(look.path.format_map(portal.places), look.status)

    screenshots.take_all(page, look.name)
    wrong = {}
    for size in (WIDE, *NARROW):
        visitor.resize(size)
        wrong[size] = axe.scrolls_sideways(page)
    for theme in screenshots.THEMES:
        page.emulate_media(color_scheme=theme)
        # The last size is a phone's, with whatever is folded away there.
        wrong[theme, "phone"] = axe.violations(page)
    visitor.resize(WIDE)
    wrong["wide"] = axe.violations(page)
    assert {key: found for key, found in wrong.items() if found} == {}
