"""Everybody's keys: found, revoked, and made for programs."""

from flask import Blueprint, Response

from web.errors import BadRequest
from web.identity.accounts import NoSuchAccount
from web.identity.keys import life_days
from web.identity.search_store import KeyKind, SearchStore
from web.identity.store import KeyRecord
from web.portal.forms import asked, chosen, text
from web.portal.page import back_to, failed, page
from web.portal.pages.admin.door import carry_out, deed, sentence, show
from web.portal.pages.admin.user_deeds import address_of
from web.portal.parts import Parts
from web.portal.shown.admin_keys import key_line
from web.portal.shown.paging import ROWS_PER_PAGE, Paging, offset_of, page_number
from web.portal.sure import ask, is_sure
from web.portal.viewer import Viewer

PATH = "/admin/keys"
ID_LENGTH = 8


def add(blueprint: Blueprint, parts: Parts) -> None:
    pages = KeyPages(parts)
    show(blueprint, PATH, pages.listing)
    show(blueprint, f"{PATH}/new", pages.new)
    deed(blueprint, f"{PATH}/new", pages.create)
    deed(blueprint, f"{PATH}/revoke", pages.revoke)


class KeyPages:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._search = SearchStore(parts.database)

    def listing(self, _viewer: Viewer) -> Response:
        words, kind, number = asked("q"), chosen("kind", KeyKind.ALL), page_number(asked("page"))
        now = self._parts.clock()
        found = self._parts.aside.do(
            lambda: self._search.keys(words, kind, now, ROWS_PER_PAGE, offset_of(number))
        )
        return page(
            "admin/keys.html",
            title="Everybody's keys",
            keys=[key_line(record, now) for record in found.rows],
            paging=Paging(PATH, number, found.total, {"q": words, "kind": kind.value}),
            q=words,
            kind=kind.value,
            now=now,
        )

    def new(self, _viewer: Viewer) -> Response:
        return page(
            "admin/key_new.html",
            title="New key for a program",
            names=self._parts.outlook.snapshot.names,
            ttl_days=self._parts.settings.api_key_ttl_days,
        )

    def create(self, viewer: Viewer) -> Response:
        """The key is in this answer and nowhere else: no redirect, nothing kept."""
        try:
            record, key = self._made(viewer)
        except (ValueError, NoSuchAccount) as error:
            failed(sentence(str(error)))
            return back_to(f"{PATH}/new")
        answer = page(
            "admin/key_made.html",
            title="The new key",
            key=key_line(record, self._parts.clock()),
            secret=key,
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _made(self, viewer: Viewer) -> tuple[KeyRecord, str]:
        parts, user, name = self._parts, text("user"), text("name")
        life = life_days(_days(text("days")), parts.settings.api_key_ttl_days, is_service=True)
        models = self._models(text("models"))

        def work() -> tuple[KeyRecord, str]:
            record, key = parts.keys.create(
                user, name, life, models, parts.clock(), is_service=True
            )
            parts.note(
                viewer, "key.create", record.id,
                user=record.user, name=record.name, models=record.models,
                expires_at=record.expires_at, is_service=True,
            )  # fmt: skip
            return record, key

        return parts.aside.do(work)

    def _models(self, typed: str) -> list[str] | None:
        """Public names behind names and aliases; None: all that the owner may use."""
        routes, names = self._parts.outlook.snapshot.routes, []
        for word in filter(None, map(str.strip, typed.split(","))):
            if word not in routes:
                raise ValueError(f"no model is called “{word}”")
            names.append(routes[word].deployment.name)
        return names or None

    def revoke(self, viewer: Viewer) -> Response:
        key_id, back = text("id"), _way_back(text("of"))
        # The whole of it: a beginning, which the command takes, may be another key's by now.
        if len(key_id) != ID_LENGTH:
            raise BadRequest("The id of a key has 8 characters.", param="id")
        if not is_sure():
            question = f"Revoke the key {key_id}? Whoever uses it is refused within a second."
            return ask(question, yes=f"Revoke {key_id}", back=back)

        def work() -> str:
            record = self._parts.keys.revoke(key_id, self._parts.clock())
            self._parts.note(viewer, "key.revoke", record.id, user=record.user)
            return f"The key {record.id} of {record.user} is revoked."

        return carry_out(lambda: self._parts.aside.do(work), back)


def _days(typed: str) -> int | None:
    if not typed:
        return None
    if not typed.isascii() or not typed.isdigit() or len(typed) > 5:
        raise ValueError("the days are a whole number")
    return int(typed)


def _way_back(user: str) -> str:
    """Where the button was: the list, or the user's own page."""
    return address_of(user) if user else PATH
