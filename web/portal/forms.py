"""What a form or an address says, word by word. Whatever is said twice is refused: two readers
would take two different values."""

from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from flask import request
from werkzeug.datastructures import MultiDict

from web.errors import BadRequest

MOST_CHARACTERS = 1000

Choice = TypeVar("Choice", bound=StrEnum)


def one(name: str) -> str:
    """A field of the form as it was typed; empty when it is not there."""
    return _one(request.form, name)


def text(name: str) -> str:
    """A field without the blanks around; one line of it. Not for passwords."""
    return _printable(name, one(name))


def many(name: str) -> tuple[str, ...]:
    """The values of a field that may be chosen several times."""
    return tuple(_printable(name, value) for value in request.form.getlist(name))


def asked(name: str, default: str = "") -> str:
    """A parameter of the address."""
    return _printable(name, _one(request.args, name)) or default


def chosen(name: str, otherwise: Choice) -> Choice:
    """A parameter of the address that is one of a few words; `otherwise` for any other."""
    with suppress(ValueError):
        return type(otherwise)(asked(name))
    return otherwise


def _one(values: MultiDict[str, str], name: str) -> str:
    given = values.getlist(name)
    if len(given) > 1:
        raise BadRequest(f"`{name}` is given more than once.", param=name)
    return given[0] if given else ""


def _printable(name: str, value: str) -> str:
    value = value.strip()
    # NUL and lone surrogates, which no database takes, are not printable either.
    if len(value) > MOST_CHARACTERS or not value.isprintable():
        raise BadRequest(f"`{name}` is at most {MOST_CHARACTERS} printable characters.", param=name)
    return value
