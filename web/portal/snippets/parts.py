"""What a snippet is made for, and what it is made of. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

# What users call the variable that holds their key; a page never holds a key.
KEY_VARIABLE = "KSCOPE_API_KEY"
QUESTION = "Why is the sky blue?"
# Each answer to a cold model says when to ask again, at most a minute later.
RETRIES = 100

_BLANK = re.compile(r"«(\w+)»")


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a snippet asks, and which model."""

    base_url: str  # with /v1
    model: str
    # Prompt and answer together; None where it is not known yet.
    max_tokens: int | None = None
    # How long the gateway holds a request that prefers to wait for its model.
    max_wait_s: int = 600
    # Whether the model is served so that it can call tools.
    calls_tools: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """Something to save under `name`; `language` is a word for people."""

    name: str
    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """In the order of doing: install, save the files, run. `install` and `run` are for a shell;
    "" where there is nothing to do. Notes may have `code` between backticks."""

    install: str
    files: tuple[File, ...]
    run: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Client:
    """`slug` stands in addresses; `about` says in a few words what it is for."""

    slug: str
    title: str
    about: str
    render: Callable[[Aim], Snippet]


def fill(template: str, **values: object) -> str:
    """`template` with each «name» replaced. Values come quoted for the template's language, and
    are not looked at again. Raises KeyError for a name without a value."""
    return _BLANK.sub(lambda blank: str(values[blank[1]]), template)
