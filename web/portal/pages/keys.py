"""`/keys`: a user's own keys, and making one."""

from functools import partial

from flask import Blueprint, Response

from web.identity.accounts import AccountDisabled
from web.identity.search_store import Found, KeyKind, SearchStore
from web.identity.store import KeyRecord
from web.portal.forms import asked, many, text
from web.portal.guard import viewer
from web.portal.page import page
from web.portal.pages import one_key
from web.portal.parts import Parts
from web.portal.shown import keys as shown
from web.portal.shown.models import usable_routes
from web.portal.shown.paging import ROWS_PER_PAGE, Paging, offset_of, page_number
from web.portal.viewer import Viewer

PATH = "/keys"
# What can be looked at, and its title.
KINDS = {
    KeyKind.ACTIVE: "Working",
    KeyKind.EXPIRED: "Expired",
    KeyKind.REVOKED: "Revoked",
}


def add(blueprint: Blueprint, parts: Parts) -> None:
    blueprint.add_url_rule(PATH, "keys", partial(show_all, parts))
    blueprint.add_url_rule(PATH, "create_key", partial(create, parts), methods=["POST"])
    blueprint.add_url_rule(f"{PATH}/new", "new_key", partial(show_new, parts))
    one_key.add(blueprint, parts)


def show_all(parts: Parts) -> Response:
    owner, now = viewer(), parts.clock()
    q, kind, number = asked("q"), _kind(asked("show")), page_number(asked("page"))
    search = SearchStore(parts.database)

    def find() -> Found[KeyRecord]:
        return search.keys(q, kind, now, ROWS_PER_PAGE, offset_of(number), owner.name)

    found = parts.aside.do(find)
    return page(
        "keys/list.html",
        title="Your API keys",
        keys=[shown.key_shown(record, now) for record in found.rows],
        kinds=KINDS,
        kind=kind,
        q=q,
        now=now,
        paging=Paging(PATH, number, found.total, {"q": q, "show": _shown_as(kind)}),
    )


def show_new(parts: Parts) -> Response:
    viewer()
    return _form(parts, shown.Wish("", "", ()))


def create(parts: Parts) -> Response:
    owner, now = viewer(), parts.clock()
    wish = shown.Wish(text("name"), text("days"), many("models"))
    search = SearchStore(parts.database)

    def make() -> tuple[KeyRecord, str]:
        if search.key_standing(owner.name, now).working >= shown.MOST_WORKING:
            raise ValueError(f"You have {shown.MOST_WORKING} keys that work: revoke one first.")
        record, key = parts.keys.create(owner.name, wish.name, days, limited_to, now)
        parts.note(owner, "key.create", record.id, **record.facts())
        return record, key

    try:
        days = wish.life_days(parts.settings.api_key_ttl_days)
        limited_to = wish.limited_to(_usable(parts, owner))
        record, key = parts.aside.do(make)
    except (AccountDisabled, ValueError) as error:
        return _form(parts, wish, str(error))
    return page("keys/made.html", title="Your new key", made=record, key=key, replaced=None)


def _form(parts: Parts, wish: shown.Wish, error: str = "") -> Response:
    return page(
        "keys/new.html",
        title="Make a key",
        status=400 if error else 200,
        wish=wish,
        error=error[:1].upper() + error[1:],
        usable=_usable(parts, viewer()),
        ttl_days=parts.settings.api_key_ttl_days,
    )


def _usable(parts: Parts, owner: Viewer) -> tuple[str, ...]:
    return shown.names(usable_routes(parts.outlook.snapshot, owner.principal))


def _kind(word: str) -> KeyKind:
    return KeyKind(word) if word in list(KINDS) else KeyKind.ACTIVE


def _shown_as(kind: KeyKind) -> str:
    return "" if kind is KeyKind.ACTIVE else kind.value
