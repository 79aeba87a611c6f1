"""One line per request, as JSON, with an allow-list of fields: ids and outcomes, never names, choices or addresses."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

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
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    for name in ("httpx", "httpcore", "sqlalchemy", "alembic", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.WARNING)
