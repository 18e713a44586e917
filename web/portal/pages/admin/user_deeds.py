"""What administrators do to users. Whoever loses something is logged out at once."""

from collections.abc import Callable
from urllib.parse import quote

from flask import Blueprint, Response

from web.aside import Aside
from web.identity.accounts import Account, NoSuchAccount, Source
from web.identity.passwords import hash_password
from web.portal.forms import one, text
from web.portal.page import back_to, failed
from web.portal.pages.admin.door import Refused, carry_out, deed
from web.portal.parts import Parts
from web.portal.shown.admin_users import groups_of, named, refusal
from web.portal.sure import ask, is_sure
from web.portal.viewer import Viewer

PATH = "/admin/users"


def add_deeds(blueprint: Blueprint, parts: Parts) -> None:
    deeds = UserDeeds(parts)
    deed(blueprint, f"{PATH}/new", deeds.create)
    for name in ("disable", "enable", "groups", "admin", "logout", "password"):
        deed(blueprint, f"{PATH}/{name}", getattr(deeds, name))


class UserDeeds:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Hashing a password keeps a processor busy: it is not to keep the pages from the database.
        self._hashing = Aside()

    def create(self, viewer: Viewer) -> Response:
        """With a password it is a local account; without one only a directory lets them in."""
        name, groups, password = text("name"), groups_of(text("groups")), one("password")
        is_admin = text("is_admin") == "yes"

        def work() -> str:
            hashed = self._hashing.do(lambda: hash_password(password)) if password else None
            self._parts.aside.do(lambda: self._create(viewer, name, hashed, is_admin, groups))
            return f"User {name} is made."

        return carry_out(work, address_of(name), otherwise=f"{PATH}/new")

    def _create(
        self, viewer: Viewer, name: str, hashed: str | None, is_admin: bool, groups: tuple[str, ...]
    ) -> None:
        parts, source = self._parts, Source.LOCAL if hashed else Source.CLI
        self._check_right(viewer)
        account = parts.accounts.create(
            name, source, password_hash=hashed, is_admin=is_admin, groups=groups, now=parts.clock()
        )
        parts.note(
            viewer, "user.create", name,
            is_admin=is_admin, groups=account.groups, password=hashed is not None,
        )  # fmt: skip

    def disable(self, viewer: Viewer) -> Response:
        name = text("name")
        if words := refusal("disable", name, viewer.name):
            return self._refuse(words, name)
        if not is_sure():
            question = f"Disable {name}? All their keys are refused within a second."
            return ask(question, yes=f"Disable {name}", back=address_of(name))

        def work() -> str:
            parts = self._parts
            parts.accounts.disable(name, viewer.name, parts.clock())
            parts.note(viewer, "user.disable", name)
            return f"{name} is disabled: their keys are refused, and they are logged out."

        return self._do(viewer, name, work)

    def enable(self, viewer: Viewer) -> Response:
        name = text("name")

        def work() -> str:
            self._parts.accounts.enable(name)
            self._parts.note(viewer, "user.enable", name)
            return f"{name} is enabled again; keys that are neither expired nor revoked work."

        return self._do(viewer, name, work)

    def groups(self, viewer: Viewer) -> Response:
        name, wanted = text("name"), groups_of(text("groups"))

        def work() -> str:
            account = self._parts.accounts.set_groups(name, wanted)
            self._parts.note(viewer, "user.groups", name, groups=account.groups)
            return f"{name} is in: {named(account.groups)}."

        return self._do(viewer, name, work)

    def admin(self, viewer: Viewer) -> Response:
        """`is_admin`: yes or no."""
        name, is_admin = text("name"), text("is_admin") == "yes"
        if not is_admin and (words := refusal("end_admin", name, viewer.name)):
            return self._refuse(words, name)
        if not is_sure():
            question = f"Make {name} an administrator? They may then do all that you may."
            if not is_admin:
                question = f"Take the administrator's right away from {name}?"
            return ask(question, yes="Yes, do that", back=address_of(name))

        def work() -> str:
            self._parts.accounts.set_admin(name, is_admin)
            self._parts.note(viewer, "user.admin", name, is_admin=is_admin)
            return f"{name} is {'an' if is_admin else 'no'} administrator now."

        return self._do(viewer, name, work)

    def logout(self, viewer: Viewer) -> Response:
        name = text("name")

        def work() -> str:
            self._known(name)
            self._parts.sessions.end_all(name)
            self._parts.note(viewer, "user.logout", name)
            return f"{name} is logged out in every browser. Their keys go on working."

        return self._do(viewer, name, work)

    def password(self, viewer: Viewer) -> Response:
        """A new password for a local account, or the first one: that makes it local."""
        name, password = text("name"), one("password")

        def work() -> str:
            hashed = self._hashing.do(lambda: hash_password(password))
            self._parts.aside.do(lambda: self._set_password(viewer, name, hashed))
            return f"The password of {name} is set, and they are logged out."

        return carry_out(work, address_of(name))

    def _set_password(self, viewer: Viewer, name: str, hashed: str) -> None:
        self._check_right(viewer)
        account = self._known(name)
        if account.source not in (Source.LOCAL, Source.CLI):
            raise Refused(f"the password of {name} is kept elsewhere, and is changed there")
        # It ends their sessions, too.
        self._parts.accounts.set_password_hash(name, hashed)
        self._parts.note(viewer, "user.password", name, removed=False)

    def _do(self, viewer: Viewer, name: str, work: Callable[[], str]) -> Response:
        def checked() -> str:
            self._check_right(viewer)
            return work()

        return carry_out(lambda: self._parts.aside.do(checked), address_of(name))

    def _check_right(self, viewer: Viewer) -> None:
        """Once more, where one deed follows another: two who end each other at the same time are
        not both to succeed."""
        account = self._parts.accounts.find(viewer.name)
        if account is None or account.is_disabled or not account.is_admin:
            raise Refused("you are no administrator any more")

    def _known(self, name: str) -> Account:
        account = self._parts.accounts.find(name)
        if account is None:
            raise NoSuchAccount(name)
        return account

    def _refuse(self, words: str, name: str) -> Response:
        failed(words)
        return back_to(address_of(name))


def address_of(name: str) -> str:
    return f"{PATH}/one?name={quote(name, safe='')}"
