"""Says on standard error why a command did nothing."""

from __future__ import annotations

import sys


def wrong(says: str) -> int:
    """Print why a command did nothing, and return its exit status."""
    print(f"kazasu: {says}", file=sys.stderr)
    return 2
