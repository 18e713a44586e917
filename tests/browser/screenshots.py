"""Pictures of pages, for people to look at: in the git-ignored `.cache/screenshots`."""

import re

from playwright.sync_api import Page

from tests.browser.kit import PHONE, WIDE
from tests.gateway_process import REPOSITORY

FOLDER = REPOSITORY / ".cache" / "screenshots"
SIZES = {"wide": WIDE, "phone": PHONE}
THEMES = ("light", "dark")


def take_all(page: Page, name: str) -> None:
    """Of the whole page, in both themes, wide and on a phone; the page is not loaded again."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            take(page, f"{name}-{size}-{theme}")


def take(page: Page, name: str) -> None:
    safe = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    page.screenshot(path=FOLDER / f"{safe}.png", full_page=True, animations="disabled")
