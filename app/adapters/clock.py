"""The wall clock, and a monotonic clock that includes suspend."""

from __future__ import annotations

import time

from typing_extensions import override

from app.ports.outside import Clock


class SystemClock(Clock):
    """The server's clock."""

    @override
    def now(self) -> int:
        return int(time.time())


def steady() -> float:
    """Return monotonic seconds, including suspend where the system has `CLOCK_BOOTTIME`."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
