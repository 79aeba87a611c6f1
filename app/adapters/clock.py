"""The clocks of this machine: the one on the wall, and the one that runs evenly."""

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
    """Return seconds that pass evenly, and also while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
