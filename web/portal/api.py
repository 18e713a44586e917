"""The portal's routes as the OpenAPI document describes them. Only data."""

import re
from collections.abc import Iterator
from dataclasses import replace

from web.errors import (
    BadRequest,
    ForeignForm,
    LoginRefused,
    LoginThrottled,
    LoginUnavailable,
    NotLoggedIn,
)
from web.openai_proxy import api as openai_proxy
from web.openai_proxy.envelope import from_status
from web.openai_proxy.refusals import DATABASE_AWAY, ENGINE_ERRORS, KEY_REFUSED, OUR_FAULT
from web.openai_proxy.table import PLAYGROUND
from web.openapi.errors import HTML
from web.openapi.operations import Answer, Body, Errors, Json, Operation, Parameter, Tells, Who
from web.portal.sitemap import ADMINISTRATION, DEEDS, FILES, OPEN, PAGES, PARTS

FORM = "application/x-www-form-urlencoded"
_PAGE: Json = {"type": "string", "description": "A page."}
_NAMED = Parameter("Which one.", place="path")
_FORM: Json = {"type": "object", "description": "The form's fields, as the page has them."}

LOGGED_OUT = Errors(
    "LoggedOut",
    {"Nobody is logged in; a browser that asks for a page is sent to /login": NotLoggedIn()},
)
FOREIGN_FORM = Errors(
    "ForeignForm", {"The form is out of date, or another site sent it": ForeignForm()}
)
FORM_REFUSED = Errors(
    "FormRefused",
    {
        "A field is wrong, missing, or given twice": BadRequest(
            "`name` is given more than once.", param="name"
        )
    },
)
NO_SUCH_THING = Errors(
    "NoSuchThing",
    {
        "There is no such thing, it is somebody else's, or the page is for administrators": (
            from_status(404, "Not Found")
        )
    },
)
LOGIN_ERRORS = (
    FORM_REFUSED,
    Errors(
        "LoginRefused",
        {
            "The name is unknown, the password wrong, or the account disabled": LoginRefused(),
        },
    ),
    FOREIGN_FORM,
    Errors("LoginThrottled", {"Too many attempts": LoginThrottled(30)}),
    OUR_FAULT,
    Errors("LoginUnavailable", {"The directory does not answer": LoginUnavailable()}),
)
_SHOWN = (LOGGED_OUT, NO_SUCH_THING, OUR_FAULT, DATABASE_AWAY)
_DONE = (FORM_REFUSED, LOGGED_OUT, FOREIGN_FORM, NO_SUCH_THING, OUR_FAULT, DATABASE_AWAY)


def operations() -> tuple[Operation, ...]:
    return (*_login(), *_pages(), *_parts(), *_deeds(), *_files(), *_asked_by_pages())


def _asked_by_pages() -> Iterator[Operation]:
    """The playground's own way to the engines."""
    described = {each.path: each for each in openai_proxy.operations()}
    others = tuple(each for each in ENGINE_ERRORS if each is not KEY_REFUSED)
    for path, route in PLAYGROUND.items():
        like = described[route.engine_path]
        yield replace(
            like,
            path=path,
            summary=f"{like.summary}, from the playground",
            description="For who is logged in, instead of a key; in everything else like "
            f"{route.engine_path}. It counts as usage of the user under the key `portal`.",
            tag="portal",
            who=Who.BROWSER_DEED,
            errors=(LOGGED_OUT, FOREIGN_FORM, *others),
        )


def _login() -> Iterator[Operation]:
    yield Operation(
        path="/login",
        summary="The form to log in",
        description="Who is logged in already is sent on.",
        tag="portal",
        who=Who.ANYBODY,
        answers=(Answer({HTML: _PAGE}, "The form."), _onwards()),
        errors=(OUR_FAULT, DATABASE_AWAY),
        tells=Tells.PAGE,
    )
    yield Operation(
        path="/login",
        summary="Log in",
        description="Begins a new session; a session that was there before does not go on.",
        tag="portal",
        method="post",
        who=Who.ANYBODY,
        body=Body({FORM: _FORM}),
        answers=(_onwards(),),
        errors=LOGIN_ERRORS,
        tells=Tells.PAGE,
    )


def _pages() -> Iterator[Operation]:
    for path, summary in PAGES.items():
        answers = (Answer({HTML: _PAGE}), _onwards("To the login, or to where it stands now."))
        yield _operation(path, summary, "A page.", _who(path), answers, _SHOWN)


def _parts() -> Iterator[Operation]:
    for path, summary in PARTS.items():
        answers = (
            Answer({HTML: _PAGE}, "The part.", ("ETag",)),
            _onwards("To the login."),
            Answer({}, "Nothing has changed.", ("ETag",), status=304),
        )
        yield _operation(path, summary, "Part of a page.", _who(path), answers, _SHOWN)


def _deeds() -> Iterator[Operation]:
    for path, summary in DEEDS.items():
        told = "A form of a page. What cannot be undone is asked once more, on a page (200)."
        answers = (_onwards(), Answer({HTML: _PAGE}, "A question, or what is shown only once."))
        who = Who.ADMIN_DEED if _who(path) is Who.ADMIN else Who.BROWSER_DEED
        deed = _operation(path, summary, told, who, answers, _DONE)
        yield replace(deed, method="post", body=Body({FORM: _FORM}))


def _files() -> Iterator[Operation]:
    for path, (summary, kind) in FILES.items():
        answers = (Answer({kind: {"type": "string"}}), _onwards("To the login."))
        yield _operation(path, summary, "No page.", _who(path), answers, _SHOWN)
    static = (
        Answer({"*/*": {"type": "string"}}, "The file.", ("ETag",)),
        Answer({}, "Nothing has changed.", ("ETag",), status=304),
    )
    name = Parameter("A file's name.", example="portal.css", place="path")
    looks = "Scripts, styles and pictures of the pages"
    described = _operation(
        "/static/{filename}", looks, "A file.", Who.ANYBODY, static, (NO_SUCH_THING, OUR_FAULT)
    )
    yield replace(described, parameters={"filename": name})


def _who(path: str) -> Who:
    if path in OPEN:
        return Who.ANYBODY
    return Who.ADMIN if path.startswith(ADMINISTRATION) else Who.BROWSER


def _operation(
    path: str,
    summary: str,
    description: str,
    who: Who,
    answers: tuple[Answer, ...],
    errors: tuple[Errors, ...],
) -> Operation:
    return Operation(
        path=path,
        summary=summary,
        description=description,
        tag="portal",
        who=who,
        parameters=dict.fromkeys(re.findall(r"{(\w+)}", path), _NAMED),
        answers=answers,
        errors=errors,
        tells=Tells.PAGE,
    )


def _onwards(where: str = "") -> Answer:
    words = f"The browser is sent on. {where}".strip()
    return Answer({}, words, ("Location",), status=303)
