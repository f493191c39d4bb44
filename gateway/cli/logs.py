"""The operator's log: one JSON object a line on standard error, with nothing of a person in it."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

LOOP = "asyncio"  # tells a lost exception by its repr, which may quote anything
KEPT = ("job", "kind", "service", "source", "code", "ms", "exchange_id")


class OneLine(logging.Formatter):
    """Time, level, place, text, and the extras that we know to be harmless. Of a fault only type and place."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "text": "the event loop reports a fault" if record.name == LOOP else record.getMessage(),
        }
        line |= {name: record.__dict__[name] for name in KEPT if name in record.__dict__}
        if record.exc_info and record.exc_info[0]:
            trace = record.exc_info[2]
            while trace and trace.tb_next:
                trace = trace.tb_next
            line["fault"] = record.exc_info[0].__name__
            line["place"] = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        return json.dumps(line, ensure_ascii=True)


def write_logs(level: str) -> None:
    """Send everything to standard error, in that form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # the HTTP clients tell every URL at INFO, and agencies have keys and numbers in theirs; the database every value
    for chatty in ("aiosqlite", "alembic", "asyncssh", "uvicorn.access", "httpx", "httpcore", "aiohttp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
