"""A long list shown page by page. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

T = TypeVar("T")

ROWS_PER_PAGE = 50
MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Paging:
    """Where we are in a list; `asked` is what else the address asks for, kept on every page."""

    path: str
    page: int
    total: int
    asked: Mapping[str, str] = field(default_factory=dict)
    size: int = ROWS_PER_PAGE

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // self.size))

    def url(self, page: int) -> str:
        words = {name: value for name, value in self.asked.items() if value}
        if page > 1:
            words["page"] = str(page)
        return f"{self.path}?{urlencode(words)}" if words else self.path


def page_number(text: str) -> int:
    """The page that an address asks for; junk is the first one."""
    digits = text if text.isascii() and text.isdigit() and len(text) <= 6 else "1"
    return min(max(1, int(digits)), MOST_PAGES)


def offset_of(page: int, size: int = ROWS_PER_PAGE) -> int:
    return (page - 1) * size


def slice_of(rows: Sequence[T], page: int, size: int = ROWS_PER_PAGE) -> Sequence[T]:
    """The rows of a page of a list that is in memory."""
    return rows[offset_of(page, size) : offset_of(page, size) + size]
