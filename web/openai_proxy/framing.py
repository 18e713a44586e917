"""Where the events of a stream end: at an empty line, after LF or CRLF. Pure.

The standard allows a lone CR as well; no engine writes it, and such a stream passes uncounted.
"""

EVENT_ENDS = (b"\n\n", b"\n\r\n")


def end_of_last_event(data: bytes | bytearray, start: int = 0) -> int:
    """The position behind the last event that is complete; 0 when none ends behind `start`."""
    unix, dos = data.rfind(b"\n\n", start), data.rfind(b"\n\r\n", start)
    return max(unix + 2 if unix >= 0 else 0, dos + 3 if dos >= 0 else 0)
