"""Usage as files for spreadsheets: which there are, and what each asks for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from web.errors import BadRequest
from web.portal.shown.usage import Asked, address
from web.usage.lines import Question
from web.usage.periods import By, read_by

OF_ONE = {
    "day,model": "by day and model",
    "month,model": "by month and model",
    "day,key": "by day and key",
    "hour,model": "by hour and model",
}
OF_ALL = {
    "user,model": "by user and model",
    "month,user": "by month and user",
    "day,model": "by day and model",
    "user,key": "by user and key",
}


@dataclass(frozen=True, slots=True)
class File:
    words: str
    address: str


@dataclass(frozen=True, slots=True)
class Wanted:
    by: Sequence[By]
    question: Question
    name: str
    zone: tzinfo = UTC


def files(path: str, asked: Asked, user: str) -> list[File]:
    """What can be had beside a page. `user`: whose it is, if not the viewer's own."""
    kinds = OF_ALL if path.endswith("/everybody") else OF_ONE
    return [
        File(words, address(f"{path}/csv", asked, by=by, user=user)) for by, words in kinds.items()
    ]


def read_file(by: str, asked: Asked, user: str | None) -> Wanted:
    """Raises BadRequest. user: None: of everybody."""
    kinds = OF_ALL if user is None else OF_ONE
    by = by or next(iter(kinds))
    if by not in kinds:
        raise BadRequest(f"There are files {'; '.join(kinds)}.", param="by")
    first, last = asked.span.first.isoformat(), asked.span.last.isoformat()
    name = f"usage-{first}-to-{last}-by-{by.replace(',', '-')}.csv"
    return Wanted(read_by(by), Question(asked.span.begin, asked.span.end, user), name)
