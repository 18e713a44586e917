"""What every page must stand: axe in both themes, a phone, 200 % and 400 %; pictures of it."""

from tests.browser import axe, screenshots
from tests.browser.axe import NARROW
from tests.browser.kit import WIDE, Visitor


def faults(visitor: Visitor, name: str) -> dict[str, list[str]]:
    """Of the page as it stands; `name` is that of its pictures."""
    page = visitor.page
    screenshots.take_all(page, name)
    wrong = {}
    for size in (WIDE, *NARROW):
        visitor.resize(size)
        wrong[f"{size[0]} pixels"] = axe.scrolls_sideways(page)
    for theme in screenshots.THEMES:
        page.emulate_media(color_scheme=theme)
        # The last size is a phone's, with whatever is folded away there.
        wrong[f"{theme}, phone"] = axe.violations(page)
    visitor.resize(WIDE)
    wrong["wide"] = axe.violations(page)
    return {where: found for where, found in wrong.items() if found}
