"""Limits: who may use how much; in force within a second."""

from urllib.parse import urlencode

from flask import Blueprint, Response

from web.identity.store import NoSuchKey
from web.limits.rules import NAMES, Limits, Scope
from web.portal.forms import asked, text
from web.portal.page import back_to, failed, page
from web.portal.pages.admin.door import Refused, carry_out, deed, sentence, show
from web.portal.parts import Parts
from web.portal.shown.admin_limits import (
    WHOM,
    changes_of,
    limit_form,
    limit_lines,
    scope_of,
    subject_of,
    worded,
)
from web.portal.shown.paging import Paging, page_number, slice_of
from web.portal.sure import ask, is_sure
from web.portal.viewer import Viewer

PATH = "/admin/limits"


def add(blueprint: Blueprint, parts: Parts) -> None:
    pages = LimitPages(parts)
    show(blueprint, PATH, pages.listing)
    show(blueprint, f"{PATH}/one", pages.one)
    deed(blueprint, f"{PATH}/set", pages.set)
    deed(blueprint, f"{PATH}/unset", pages.unset)


class LimitPages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def listing(self, _viewer: Viewer) -> Response:
        words, number = asked("q"), page_number(asked("page"))
        rows = self._parts.aside.do(self._parts.limits.list)
        lines = limit_lines(rows, words)
        return page(
            "admin/limits.html",
            title="Limits",
            lines=slice_of(lines, number),
            paging=Paging(PATH, number, len(lines), {"q": words}),
            q=words,
            any_at_all=bool(rows),
            scopes=[(scope.value, words) for scope, words in WHOM.items()],
        )

    def one(self, _viewer: Viewer) -> Response:
        try:
            scope = scope_of(asked("scope"))
            name = subject_of(scope, asked("name"))
        except ValueError as error:
            failed(sentence(str(error)))
            return back_to(PATH)
        found = self._parts.aside.do(self._parts.limits.rows).get((scope, name))
        return page(
            "admin/limit.html",
            title=f"Limits: {WHOM[scope]} {name}".strip(),
            form=limit_form(scope, name, found or Limits()),
            is_set=found is not None,
        )

    def set(self, viewer: Viewer) -> Response:
        typed = {each: text(each) for each in NAMES}
        asked_for = {"scope": text("scope"), "name": text("name")}

        def work() -> str:
            scope = scope_of(asked_for["scope"])
            name, changes = subject_of(scope, asked_for["name"]), changes_of(typed)
            self._check(scope, name)
            self._parts.limits.set(scope, name, changes)
            subject = f"{scope.value}:{name}"
            self._parts.note(viewer, "limits.set", subject, **worded(changes))
            return f"Set for {WHOM[scope]} {name}".strip() + "; in force within a second."

        again = f"{PATH}/one?{urlencode(asked_for)}"
        return carry_out(lambda: self._parts.aside.do(work), PATH, otherwise=again)

    def _check(self, scope: Scope, name: str) -> None:
        """A limit for a key that nobody has would never hold for anybody."""
        if scope is Scope.KEY and self._parts.keys.get(name).id != name:
            raise NoSuchKey("name the key by its whole id")

    def unset(self, viewer: Viewer) -> Response:
        typed_scope, typed_name = text("scope"), text("name")
        if not is_sure():
            question = f"Take away all limits that are set for {typed_scope} {typed_name}?"
            return ask(question, yes="Take them away", back=PATH)

        def work() -> str:
            scope = scope_of(typed_scope)
            name = subject_of(scope, typed_name)
            if not self._parts.limits.unset(scope, name):
                raise Refused(f"no limits were set for {WHOM[scope]} {name}")
            self._parts.note(viewer, "limits.unset", f"{scope.value}:{name}")
            return f"No limits are set any more for {WHOM[scope]} {name}".rstrip() + "."

        return carry_out(lambda: self._parts.aside.do(work), PATH)
