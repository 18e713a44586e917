"""The one place that reads the wall clock; everybody else is handed a time or a clock."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)
