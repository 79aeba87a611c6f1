"""The clocks of this machine: the one on the wall, and the one that runs evenly."""

from __future__ import annotations

import time


class SystemClock:
    """The server's clock."""

    def now(self) -> int:
        """Return whole seconds since 1970, UTC."""
        return int(time.time())


def steady() -> float:
    """Return seconds that pass evenly, and also while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
