"""What every page must stand: axe in both themes, a phone, 200 % and 400 %; pictures of it."""

from tests.browser import axe, screenshots
from tests.browser.axe import NARROW
from tests.browser.kit import WIDE, Visitor

NARROWEST = NARROW[-1]


def faults(visitor: Visitor, name: str, *, is_long: bool = False) -> dict[str, list[str]]:
    """Of the page as it stands; `name` is that of its pictures.

    axe looks at it dark and narrow, and light and wide: between the two it sees every colour and
    whatever is folded away. On a long page it takes seconds, so there it looks once.
    """
    page = visitor.page
    screenshots.take_all(page, name)
    wrong = {}
    for size in (WIDE, *NARROW):
        visitor.resize(size)
        wrong[f"{size[0]} pixels"] = axe.scrolls_sideways(page)
    looks = (("dark", NARROWEST),) if is_long else (("dark", NARROWEST), ("light", WIDE))
    for theme, size in looks:
        visitor.resize(size)
        page.emulate_media(color_scheme=theme)
        wrong[f"axe, {theme}, {size[0]} pixels"] = axe.violations(page)
    return {where: found for where, found in wrong.items() if found}
