"""Every page in a real browser: seen by axe, in both themes, on a phone, and at 200 %."""

import pytest

from tests.browser import axe, screenshots, world
from tests.browser.axe import NARROW
from tests.browser.kit import WIDE

# A name for the picture, the path, who looks, and the status of the answer.
PAGES = (("nobody: an address that is none", "/nothing-here", None, 404),)


@pytest.mark.parametrize(("name", "path", "who", "status"), PAGES, ids=[name for name, *_ in PAGES])
def test_a_page_is_in_order(visit, name, path, who, status):
    visitor = visit(who)
    page = visitor.go(path, status)

    screenshots.take_all(page, name)
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
