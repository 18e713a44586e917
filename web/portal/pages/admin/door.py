"""The one way to the pages for administrators: for everybody else there are none."""

from collections.abc import Callable

from flask import Blueprint, Response

from web.identity.accounts import NoSuchAccount
from web.identity.store import NoSuchKey
from web.portal.guard import admin
from web.portal.page import back_to, done, failed
from web.portal.viewer import Viewer

View = Callable[[Viewer], Response]


class Refused(Exception):
    """What an administrator may not do, or what nobody can do just now, in words."""


def show(blueprint: Blueprint, path: str, view: View) -> None:
    _add(blueprint, "GET", path, view)


def deed(blueprint: Blueprint, path: str, view: View) -> None:
    _add(blueprint, "POST", path, view)


def _add(blueprint: Blueprint, method: str, path: str, view: View) -> None:
    def answer() -> Response:
        return view(admin())

    blueprint.add_url_rule(path, f"{method} {path}", answer, methods=[method])


def carry_out(work: Callable[[], str], back: str, otherwise: str | None = None) -> Response:
    """Do it, and say on the next page what was done; or why it was not, on that of `otherwise`."""
    try:
        done(work())
    except (Refused, NoSuchAccount, NoSuchKey, ValueError) as error:
        failed(sentence(str(error)))
        return back_to(otherwise or back)
    return back_to(back)


def sentence(words: str) -> str:
    """With a capital and a full stop."""
    begun = words[:1].upper() + words[1:]
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
