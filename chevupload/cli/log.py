"""The server's log: lines for people, or JSON for programs."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""What every record has; the rest is what its writer wanted to say besides."""


class JsonFormatter(logging.Formatter):
    """One JSON object on one line for each record: time, level, logger, message, and the record's own attributes."""

    def format(self, record: logging.LogRecord) -> str:
        """Spell ``record``."""
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **extra,
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


def set_up_log(*, as_json: bool) -> None:
    """Write everything from INFO on to standard error."""
    handler = logging.StreamHandler()
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if as_json else text)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # A line for every request that waits for a thread says nothing, and drowns what does.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
