"""The page of all models: what is looked for, found, and counted. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from web.fleet.routing import Route
from web.portal.shown.models import GROUP_WORDS, Group, ModelRow, counts, matching, rows, summary
from web.portal.shown.paging import Paging, slice_of

PATH, LIVE = "/models", "/live/models"


@dataclass(frozen=True, slots=True)
class Wanted:
    words: str = ""
    group: Group | None = None
    page: int = 1


@dataclass(frozen=True, slots=True)
class Choice:
    """A group to look at; `url` leads there."""

    words: str
    count: int
    url: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class ModelList:
    """`in_all`: how many models the viewer may use, whatever they look for."""

    rows: Sequence[ModelRow]
    paging: Paging
    choices: Sequence[Choice]
    summary: str
    wanted: Wanted
    in_all: int
    live: str


def model_list(
    usable: Sequence[Route],
    requests: Mapping[str, tuple[int, int]],
    wanted: Wanted,
    now: datetime,
) -> ModelList:
    found = matching(usable, wanted.words, wanted.group)
    asked = {"q": wanted.words, "show": str(wanted.group or "")}
    all_pages = Paging(PATH, 1, len(found), asked)
    paging = Paging(PATH, min(wanted.page, all_pages.pages), len(found), asked)
    return ModelList(
        rows=rows(slice_of(found, paging.page), requests, now),
        paging=paging,
        choices=_choices(usable, wanted),
        summary=summary(counts(usable)),
        wanted=wanted,
        in_all=len(usable),
        live=paging.url(paging.page).replace(PATH, LIVE, 1),
    )


def _choices(usable: Sequence[Route], wanted: Wanted) -> list[Choice]:
    """Each with how many there are among what the words find."""
    found = matching(usable, wanted.words, None)
    told = [Choice("all", len(found), _url(wanted.words, ""), wanted.group is None)]
    for group, count in counts(found).items():
        url = _url(wanted.words, group.value)
        told.append(Choice(GROUP_WORDS[group], count, url, wanted.group is group))
    return told


def _url(words: str, group: str) -> str:
    asked = {name: value for name, value in (("q", words), ("show", group)) if value}
    return f"{PATH}?{urlencode(asked)}" if asked else PATH
