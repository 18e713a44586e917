"""Tables in plain text, for the terminal and for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterator, Sequence


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, as wide as its content."""
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


def csv_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table as CSV (RFC 4180). No cell is a formula, whoever chose its words."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_no_formula(cell) for cell in row] for row in rows)
    yield from text.getvalue().splitlines()


def _no_formula(cell: str) -> str:
    # What spreadsheets take for the beginning of one (OWASP, "CSV Injection").
    return f"'{cell}" if len(cell) > 1 and cell[0] in "=+-@\t\r" else cell
