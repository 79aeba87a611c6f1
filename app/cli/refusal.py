"""Messages of commands on standard error."""

from __future__ import annotations

import sys
from typing import Final

WRONG: Final = 2
"""Exit status of a command that did nothing."""


def wrong(says: str) -> int:
    """Print a message on standard error; return the exit status of a command that did nothing."""
    print(f"kazasu: {says}", file=sys.stderr)
    return WRONG
