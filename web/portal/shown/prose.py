"""Descriptions of the OpenAPI document as HTML: the little of CommonMark that they use. Pure."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_FENCED = re.compile(r"```\n(.*?)\n```", re.DOTALL)


def prose(text: str) -> Markup:
    """Paragraphs, lists of `-`, fenced code and `code`; everything else is text."""
    return Markup("").join(_blocks(text))


def inline(text: str) -> Markup:
    """One line: only `code`."""
    pieces = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if at % 2 else escape(piece)
        for at, piece in enumerate(pieces)
    )


def _blocks(text: str) -> Iterator[Markup]:
    for at, piece in enumerate(_FENCED.split(text)):
        if at % 2:
            # It scrolls, so it can be reached by keyboard.
            yield Markup('<pre tabindex="0"><code>{}</code></pre>').format(piece)
        else:
            for block in piece.split("\n\n"):
                yield from _block(block.strip())


def _block(block: str) -> Iterator[Markup]:
    if not block:
        return
    if block.startswith("- "):
        items = re.split(r"\n- ", block.removeprefix("- "))
        told = Markup("").join(Markup("<li>{}</li>").format(inline(each)) for each in items)
        yield Markup("<ul>{}</ul>").format(told)
    else:
        yield Markup("<p>{}</p>").format(inline(block))
