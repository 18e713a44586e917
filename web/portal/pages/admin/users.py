"""Users: who they are, what they have."""

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from web.identity.search_store import KeyKind, SearchStore, UserKind
from web.portal.forms import asked, chosen
from web.portal.page import page
from web.portal.pages.admin.door import show
from web.portal.pages.admin.user_deeds import add_deeds
from web.portal.parts import Parts
from web.portal.shown.admin_keys import key_line
from web.portal.shown.admin_users import user_line
from web.portal.shown.paging import ROWS_PER_PAGE, Paging, offset_of, page_number
from web.portal.viewer import Viewer

PATH = "/admin/users"
KEYS_SHOWN = 20


def add(blueprint: Blueprint, parts: Parts) -> None:
    pages = UserPages(parts)
    show(blueprint, PATH, pages.listing)
    show(blueprint, f"{PATH}/one", pages.one)
    show(blueprint, f"{PATH}/new", pages.new)
    add_deeds(blueprint, parts)


class UserPages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._search = SearchStore(parts.database)

    def listing(self, viewer: Viewer) -> Response:
        text, kind, number = asked("q"), chosen("kind", UserKind.ALL), page_number(asked("page"))
        found = self._parts.aside.do(
            lambda: self._search.accounts(text, kind, ROWS_PER_PAGE, offset_of(number))
        )
        return page(
            "admin/users.html",
            title="Users",
            users=[user_line(account, viewer.name) for account in found.rows],
            paging=Paging(PATH, number, found.total, {"q": text, "kind": kind.value}),
            q=text,
            kind=kind.value,
        )

    def one(self, viewer: Viewer) -> Response:
        name, now = asked("name"), self._parts.clock()
        account, keys = self._parts.aside.do(
            lambda: (
                self._parts.accounts.find(name),
                self._search.keys("", KeyKind.ALL, now, KEYS_SHOWN, 0, user=name),
            )
        )
        if account is None:
            raise NotFound
        return page(
            "admin/user.html",
            title=account.name,
            user=user_line(account, viewer.name),
            keys=[key_line(record, now) for record in keys.rows],
            keys_total=keys.total,
        )

    def new(self, _viewer: Viewer) -> Response:
        return page("admin/user_new.html", title="New user")
