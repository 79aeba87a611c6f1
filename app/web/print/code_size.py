"""How wide a QR code is on each printed sheet, and how long an address fits there. A module is never below 0.8 mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.web.kit.qr_codes import LONGEST, MODULE, QUIET


@dataclass(frozen=True, slots=True)
class Room:
    """Wanted and greatest width of a code with quiet zone, in mm."""

    wanted: float
    most: float


POSTER: Final = Room(100, 110)
CARD: Final = Room(60, 66)
LABEL: Final = Room(33.6, 33.6)
SETUP: Final = Room(46, 66)
STORE: Final = Room(37, 37)
"""The codes of the app stores on the set-up sheet."""
LEAFLET: Final = Room(40, 57)
COPY: Final = Room(42, 70)

_BYTES_AT_Q: Final = (11, 20, 32, 46, 60, 74, 86, 108, 130, 151, 177, 203, 241, 258)
"""How many bytes a code of version 1 to 14 holds at level Q (ISO/IEC 18004)."""


def characters(room: Room) -> int:
    """Return how many characters fit a code of at most `room.most` mm with quiet zone."""
    modules = int(room.most / MODULE + 1e-9)
    version = (modules - 2 * QUIET - 17) // 4
    return min(_BYTES_AT_Q[min(version, len(_BYTES_AT_Q)) - 1], LONGEST)
