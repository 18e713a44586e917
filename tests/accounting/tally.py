"""What the clients saw, and whether the accounts agree with it and with the engines. Pure."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.accounting.asks import FAULTY, LEAVER, MIXED, STEADY, WHOLE, Ask, Fate
from tests.accounting.engines import Counted
from web.usage.lines import Line

Rows = dict[tuple[str, ...], Line]
# A cut before the first byte on a connection that was kept is asked once more.
TRIES = 2
ROLE_EVENTS = 1
UNHEARD_STATUSES = {400, 401, 404}


@dataclass
class Tally:
    """Of each user and model: requests by their fate, and tokens of those that ended well."""

    fates: dict[tuple[str, str], Counter] = field(default_factory=lambda: defaultdict(Counter))
    odd: list[str] = field(default_factory=list)

    def told(self, ask: Ask, status: int, body: bytes) -> None:
        seen = self.fates[ask.user, ask.model]
        seen[ask.fate.value] += 1
        if ask.fate is Fate.FINISHED:
            seen.update(prompt=ask.prompt, completion=ask.completion)
            self._expect(status == 200 and _looks_whole(ask, body), ask, status, body)
        elif ask.fate is Fate.REFUSED:
            self._expect(status in (400, 500), ask, status, body)
        elif ask.fate is Fate.UNHEARD:
            self._expect(status in UNHEARD_STATUSES, ask, status, body)
        else:
            self._note_most(ask, seen)
            self._expect(status in (0, 200, 500, 502), ask, status, body)

    def _note_most(self, ask: Ask, seen: Counter) -> None:
        """No more than this can an engine have made of it, and no more may be assumed."""
        most_prompt = max(ask.prompt, (len(ask.body) + 64) // 4)
        tries = TRIES if ask.fate is Fate.BROKEN else 1
        seen["most"] += tries * (most_prompt + ask.completion + ROLE_EVENTS)

    def _expect(self, is_so: bool, ask: Ask, status: int, body: bytes) -> None:
        if not is_so:
            self.odd.append(f"{ask.fate.value} {ask.path} {status} {ask.body!r}: {body[-200:]!r}")


def _looks_whole(ask: Ask, body: bytes) -> bool:
    return b'"usage"' in body or b"[DONE]" in body or b"message_stop" in body


def verdict(tally: Tally, rows: Rows, engines: dict[str, Counted]) -> dict:
    """All that is to be told of a run; `wrong` names what does not agree, and is empty."""
    wrong = [f"odd answers: {tally.odd[:3]}"] if tally.odd else []
    whole, mixed = engines[WHOLE], engines[MIXED]
    steady = {model: rows.get((STEADY, model), Line()) for model in (WHOLE, MIXED)}
    # A probe is one token in and one out; the engine ends no other request that we do not know.
    probes = whole.requests - tally.fates[STEADY, WHOLE]["finished"]
    told = steady[WHOLE].prompt_tokens, steady[WHOLE].completion_tokens
    engine = whole.prompt - probes, whole.completion - probes
    if told != engine or probes < 0:
        wrong.append(f"accounts {told}, engine {engine} besides {probes} probes")
    for model, line in steady.items():
        wrong += _unlike(tally.fates[STEADY, model], line, model)
    aside = _broken_off(tally, rows, mixed, steady[MIXED])
    if not 0 <= aside["engine"] <= aside["most"] or not 0 <= aside["accounts"] <= aside["most"]:
        wrong.append(f"aborted beyond their bounds: {aside}")
    unknown = set(rows) - {(u, m) for u in (STEADY, LEAVER, FAULTY) for m in (WHOLE, MIXED)}
    if unknown:
        wrong.append(f"rows of nobody: {unknown}")
    fates = Counter()
    for seen in tally.fates.values():
        fates.update({fate.value: seen[fate.value] for fate in Fate})
    return {
        "fates": dict(fates),
        "finished_tokens": {"accounts": told, "engine": engine},
        "probes": probes,
        "aborted_tokens": aside,
        "wrong": wrong,
    }


def _unlike(seen: Counter, line: Line, model: str) -> list[str]:
    """Where a row of requests that all ended differs from what its client saw."""
    expected = (
        seen["finished"] + seen["refused"],
        seen["refused"],
        0,
        seen["prompt"],
        seen["completion"],
        0,
    )
    got = (
        line.requests,
        line.errors,
        line.aborted,
        line.prompt_tokens,
        line.completion_tokens,
        line.estimated_tokens,
    )
    return [] if got == expected else [f"{model}: accounts {got}, clients {expected}"]


def _broken_off(tally: Tally, rows: Rows, mixed: Counted, steady: Line) -> dict[str, int]:
    """Of those that did not end: what the engine made, and what the accounts tell or assume."""
    lines = [rows.get((user, MIXED), Line()) for user in (LEAVER, FAULTY)]
    made = mixed.prompt + mixed.completion - steady.prompt_tokens - steady.completion_tokens
    return {
        "engine": made,
        "accounts": sum(line.prompt_tokens + line.completion_tokens for line in lines),
        "estimated": sum(line.estimated_tokens for line in lines),
        "aborted": sum(line.aborted for line in lines),
        "errors": sum(line.errors for line in lines),
        "most": sum(tally.fates[user, MIXED]["most"] for user in (LEAVER, FAULTY)),
    }
