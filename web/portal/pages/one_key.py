"""`/keys/<id>/…`: what becomes of one key. Another's does not exist here, not even for
administrators, who have `/admin/keys`."""

from datetime import timedelta
from functools import partial

from flask import Blueprint, Response
from werkzeug.exceptions import NotFound

from web.errors import BadRequest
from web.identity.store import KeyRecord, NoSuchKey
from web.portal.forms import text
from web.portal.guard import viewer
from web.portal.page import back_to, done, page
from web.portal.parts import Parts
from web.portal.shown import keys as shown
from web.portal.sure import ask, is_sure
from web.portal.viewer import Viewer

KEYS = "/keys"
ROTATE, REVOKE = f"{KEYS}/<key_id>/rotate", f"{KEYS}/<key_id>/revoke"


def add(blueprint: Blueprint, parts: Parts) -> None:
    blueprint.add_url_rule(ROTATE, "show_rotate_key", partial(show_rotate, parts))
    blueprint.add_url_rule(ROTATE, "rotate_key", partial(rotate, parts), methods=["POST"])
    blueprint.add_url_rule(REVOKE, "revoke_key", partial(revoke, parts), methods=["POST"])


def show_rotate(parts: Parts, key_id: str) -> Response:
    owner, now = viewer(), parts.clock()
    record = parts.aside.do(lambda: _rotatable(parts, owner, key_id))
    return page(
        "keys/rotate.html",
        title="Replace a key",
        key=shown.key_shown(record, now),
        overlaps=shown.OVERLAPS,
        usual=shown.USUAL_OVERLAP,
    )


def rotate(parts: Parts, key_id: str) -> Response:
    owner, now, overlap = viewer(), parts.clock(), text("overlap")
    if overlap not in shown.OVERLAPS:
        raise BadRequest("Please choose how long the old key goes on working.", param="overlap")

    def replace() -> tuple[KeyRecord, KeyRecord, str]:
        old = _rotatable(parts, owner, key_id)
        days = min(old.life_days, parts.settings.api_key_ttl_days)
        old, made, key = parts.keys.rotate(old.id, timedelta(hours=int(overlap)), days, now)
        parts.note(owner, "key.rotate", old.id, until=old.expires_at, by=made.id, **made.facts())
        return old, made, key

    old, made, key = parts.aside.do(replace)
    return page(
        "keys/made.html",
        title="Your new key",
        made=made,
        key=key,
        replaced=shown.key_shown(old, now),
    )


def revoke(parts: Parts, key_id: str) -> Response:
    owner, now = viewer(), parts.clock()
    key = shown.key_shown(parts.aside.do(lambda: _own(parts, owner, key_id)), now)
    if not is_sure():
        question = (
            f"Revoke the key {key.called}? Programs that use it are refused within a second. "
            "This cannot be undone."
        )
        return ask(question, yes="Revoke it", back=KEYS)

    def end() -> None:
        record = parts.keys.revoke(key.id, now)
        parts.note(owner, "key.revoke", record.id, user=record.user)

    if key.works:
        parts.aside.do(end)
    done(f"The key {key.called} is revoked: it is refused everywhere from now on.")
    return back_to(KEYS)


def _own(parts: Parts, owner: Viewer, key_id: str) -> KeyRecord:
    """Raises NotFound, alike, for what is no key's whole id and for another's key."""
    try:
        record = parts.keys.get(key_id)
    except NoSuchKey:
        raise NotFound from None
    if record.id != key_id or record.user != owner.name:
        raise NotFound
    return record


def _rotatable(parts: Parts, owner: Viewer, key_id: str) -> KeyRecord:
    record = _own(parts, owner, key_id)
    if not shown.key_shown(record, parts.clock()).can_rotate:
        raise BadRequest("That key cannot be replaced: it is over, or a program's.")
    return record
