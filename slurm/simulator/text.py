"""Tokens and answers: a tokenizer without a vocabulary, and a speaker without a model.

A token is a piece of text of at most six bytes, and its id is those bytes read as a number (behind
a leading 1), so ids mean the same in every process and can be turned back into text. What is said
depends on nothing but the prompt: its own end is quoted, then a fixed text goes on from a place the
prompt decides.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from itertools import chain, cycle, islice

_PIECE = re.compile(r" ?[A-Za-z]{1,5}| ?[0-9]{1,3}|.", re.DOTALL)
_SPEECH = (
    " Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich 🚀."
    " Voix ambiguë d'un cœur qui, au zéphyr, préfère les jattes de kiwis."
    " いろはにほへと ちりぬるを。 天地玄黃，宇宙洪荒。 Съешь же ещё этих мягких булок 🥐!"
    " Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία. नमस्ते दुनिया. 👩‍🔬 measures 42 µm ± 3 %.\n"
    "The quick brown fox jumps over the lazy dog; twice, if asked politely. ✅"
)
_QUOTED_PIECES = 12
_MIN_ANSWER_TOKENS = 24


def pieces(text: str) -> list[str]:
    """Cut `text` into the strings of its tokens; joined again they are `text`."""
    return _PIECE.findall(text)


def token_id(piece: str) -> int:
    """The number of a piece: stable, and below 2**49, so that every JSON reader keeps it exact."""
    return int.from_bytes(b"\x01" + piece.encode("utf-8", "replace"), "big")


def tokenize(text: str) -> list[int]:
    return [token_id(piece) for piece in pieces(text)]


def detokenize(ids: Iterable[int]) -> str:
    """Text of the ids; ids that are no token have no text, as in vLLM."""
    return b"".join(_bytes_of(number) for number in ids).decode("utf-8", "replace")


def _bytes_of(number: int) -> bytes:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return raw[1:] if raw[:1] == b"\x01" else b""


_RING: Sequence[str] = tuple(pieces(_SPEECH))


def answer(prompt: str, quoted: str, choice: int, limit: int | None) -> list[str]:
    """The pieces of one answer to `prompt`; `choice` tells the answers of `n` > 1 apart.

    With `limit` the answer has exactly that many tokens; without, it ends where it ends.
    """
    seed = zlib.crc32(prompt.encode("utf-8", "replace")) + 7 * choice
    start = seed % len(_RING)
    opening = ["»", *pieces(quoted)[:_QUOTED_PIECES], "«"]
    length = len(opening) + _MIN_ANSWER_TOKENS + seed % 41 if limit is None else limit
    ring = islice(cycle(_RING), start, None)
    return list(islice(chain(opening, ring), length))
