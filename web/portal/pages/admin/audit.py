"""The audit log: who did what, when and from where. It is only ever added to."""

from flask import Blueprint, Response

from web.audit.store import Wanted
from web.portal.forms import asked
from web.portal.page import page
from web.portal.pages.admin.door import sentence, show
from web.portal.parts import Parts
from web.portal.shown.admin_audit import (
    ASKED,
    ENTRIES_PER_PAGE,
    FAMILIES,
    audit_page,
    wanted_of,
)
from web.portal.viewer import Viewer

PATH = "/admin/audit"
# What the databases' ids are: more would be an error of theirs.
MOST_DIGITS = 18


def add(blueprint: Blueprint, parts: Parts) -> None:
    def log(_viewer: Viewer) -> Response:
        words = {name: asked(name) for name in ASKED}
        before, now = _number(asked("before")), parts.clock()
        wanted, fault = Wanted(), ""
        try:
            wanted = wanted_of(words, now)
        except ValueError as error:
            fault = sentence(str(error))
        found = parts.aside.do(
            lambda: parts.audit.query(wanted, ENTRIES_PER_PAGE + 1, before)
        ) if not fault else ()  # fmt: skip
        return page(
            "admin/audit.html",
            title="Audit log",
            shown=audit_page(PATH, words, before, found),
            words=words,
            families=FAMILIES,
            fault=fault,
        )

    show(blueprint, PATH, log)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else None
