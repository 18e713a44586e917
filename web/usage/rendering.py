"""A report of usage as a table for people, and as CSV. Pure."""

import csv
import io
from collections.abc import Iterator

from msgspec import UNSET, structs

from web.tables import table
from web.usage.periods import By
from web.usage.report import UsageEntry, UsageReport

TOTAL = "total"
NOBODY = "(not known)"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_HEADINGS = {
    "prompt_tokens": "PROMPT",
    "cached_tokens": "CACHED",
    "completion_tokens": "COMPLETION",
    "estimated_tokens": "ESTIMATED",
    "average_latency_s": "LATENCY",
    "gpu_hours": "GPU-HOURS",
    "cost": "COST",
    "cost_per_million_tokens": "PER 1M TOKENS",
}


def as_table(told: UsageReport) -> Iterator[str]:
    """Lines: numbers in groups of three and right-aligned, the total last."""
    columns, names = _columns(told), len(told.by)
    body = [[_cell(entry, name) for name in columns] for entry in told.data if told.by]
    total = [TOTAL, *[""] * names][:names]
    total += [_cell(told.total, name) for name in columns[names:]]
    lines = [[_heading(name, told) for name in columns], *body, total]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *rest = (
        line[:names] + [cell.rjust(width) for cell, width in zip(line, widths, strict=True)][names:]
        for line in lines
    )
    yield from table(head, rest)


def as_csv(told: UsageReport) -> str:
    """Plain numbers under the names of the JSON; no total: whoever sums up would count it twice."""
    columns = _columns(told)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for entry in told.data:
        values = structs.asdict(entry)
        writer.writerow([_harmless(values[name]) for name in columns])
    return text.getvalue()


def _columns(told: UsageReport) -> list[str]:
    """What was asked by, then the numbers that the total has."""
    names = {each.value for each in By}
    total = structs.asdict(told.total)
    return [*told.by, *(n for n, value in total.items() if n not in names and value is not UNSET)]


def _heading(name: str, told: UsageReport) -> str:
    heading = _HEADINGS.get(name, name.upper())
    return f"{heading} {told.currency}" if name == "cost" else heading


def _cell(entry: UsageEntry, name: str) -> str:
    value = getattr(entry, name)
    if value is None or value is UNSET:
        return "-"
    if name == "average_latency_s":
        return f"{value:,.2f} s"
    if isinstance(value, str):
        return value or NOBODY
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def _harmless(value: object) -> object:
    """What a spreadsheet would take for a formula is marked as text."""
    if value is None or value is UNSET:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
