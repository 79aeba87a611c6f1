"""One line per request, as JSON, with an allow-list of fields: ids and outcomes, never names, choices or addresses."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final, TextIO, cast

import structlog

_GATHER: Final = 0.1
FIELDS: Final = frozenset(
    {
        "ts",
        "level",
        "event",
        "route",
        "method",
        "status",
        "ms",
        "visit_id",
        "facility_id",
        "reason",
        "error_type",
        "error_at",
        "count",
    }
)


def only_allowed(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop every field that is not on the list."""
    return {name: value for name, value in line.items() if name in FIELDS}


class Gathered:
    """A stream that writes what came in a tenth of a second at once: a line each would cost a system call each."""

    def __init__(self, stream: TextIO) -> None:
        """Keep the stream behind; what is left is written when the process ends."""
        self._stream = stream
        self._lines: list[str] = []
        atexit.register(self.write_out)

    def write(self, line: str) -> None:
        """Take a line; without an event loop it is written at once."""
        self._lines.append(line)
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_later(_GATHER, self.write_out)
        except RuntimeError:
            self.write_out()

    def write_out(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        self._stream.write("".join(lines))
        self._stream.flush()

    def flush(self) -> None:
        """Do nothing: the loggers ask for this after every line."""


def configure() -> None:
    """Write product lines to standard error; silence the libraries that would print addresses or bodies."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            only_allowed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", Gathered(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    for name in ("httpx", "httpcore", "sqlalchemy", "alembic", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
