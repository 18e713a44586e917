"""Logging of every process of the gateway: readable on a terminal, JSON lines elsewhere."""

import json
import logging
import sys
from datetime import UTC, datetime

from web.config import LogFormat, Settings


class JsonFormatter(logging.Formatter):
    """One object per line: time, level, logger, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logging(settings: Settings) -> None:
    handler = logging.StreamHandler(sys.stderr)
    if _wants_json(settings.log_format):
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=settings.log_level.value.upper(), handlers=[handler], force=True)
    # These tell at INFO what every call does: news only when something is wrong.
    for chatty in ("apscheduler", "paramiko", "alembic", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _wants_json(log_format: LogFormat) -> bool:
    if log_format is LogFormat.AUTO:
        return not sys.stderr.isatty()
    return log_format is LogFormat.JSON
