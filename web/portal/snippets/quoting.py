"""Any text as a literal of another language. Pure."""

import json
import shlex
from collections.abc import Callable

_BMP = 0xFFFF


def python(text: str) -> str:
    return _quoted(text, "\\U{:08x}".format)


def yaml(text: str) -> str:
    # JSON's escapes are YAML's as well; what stands unescaped must be printable.
    return _quoted(text, "\\U{:08x}".format)


def javascript(text: str) -> str:
    return _quoted(text, "\\u{{{:x}}}".format)


def shell(text: str) -> str:
    """One word of a POSIX shell. Without NUL, which no program can be given."""
    return shlex.quote(text.replace("\0", ""))


def _quoted(text: str, beyond_bmp: Callable[[int], str]) -> str:
    """In double quotes. What cannot be seen is escaped: it could end a line, or mislead."""

    def shown(character: str) -> str:
        if character.isprintable():
            return character
        code = ord(character)
        return f"\\u{code:04x}" if code <= _BMP else beyond_bmp(code)

    return "".join(map(shown, json.dumps(text, ensure_ascii=False)))
