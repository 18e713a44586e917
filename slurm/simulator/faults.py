"""Ways to fail, on demand: for the whole server by options, for one request by its own body.

A request names its faults in a member that vLLM would ignore:
`{"model": …, "messages": …, "simulator": {"cut_after_tokens": 3}}`, with the fields of `Faults`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

Json = Mapping[str, object]


@dataclass(frozen=True)
class Faults:
    """What goes wrong, if anything. Counts are generated tokens; None: it does not happen."""

    tokens_per_second: float = 0.0  # of each request; 0: as fast as possible
    delay_s: float = 0.0  # before the first token
    answer_tokens: int | None = None  # length of an answer that is not cut by max_tokens
    fail_with: int | None = None  # answer this status with vLLM's error body
    hang_after_tokens: int | None = None  # stay silent, connection open, counters frozen
    cut_after_tokens: int | None = None  # reset the connection
    error_after_tokens: int | None = None  # vLLM's error inside a 200 stream, then [DONE]
    die_after_tokens: int | None = None  # the process ends

    def with_request(self, body: Json) -> Faults:
        """These faults, overridden by the `simulator` member of a request body."""
        asked = body.get("simulator")
        if not isinstance(asked, dict):
            return self
        known = {field.name for field in fields(self)}
        return replace(self, **{key: value for key, value in asked.items() if key in known})

    def due(self, tokens: int) -> str:
        """Which fault strikes once `tokens` are out: hang, die, cut, error, or "" for none."""
        counts = {
            "hang": self.hang_after_tokens,
            "die": self.die_after_tokens,
            "cut": self.cut_after_tokens,
            "error": self.error_after_tokens,
        }
        return next((name for name, count in counts.items() if count == tokens), "")
