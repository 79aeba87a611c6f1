"""How wide a QR code is on each printed sheet, and how long an address fits there. A module is never below 0.8 mm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.web.kit.qr_codes import LONGEST, MODULE, QUIET, Code, TooLong


@dataclass(frozen=True, slots=True)
class WidthRange:
    """Wanted and greatest width of a code with quiet zone, in mm."""

    wanted: float
    most: float

    def width(self, code: Code) -> float:
        """Return how wide a code is printed: as wanted, or wider for `MODULE` mm each. Raises `TooLong`."""
        width = max(self.wanted, code.whole * MODULE)
        if width > self.most:
            raise TooLong(len(code.url))
        return width

    @property
    def characters(self) -> int:
        """How many characters fit a code of the greatest width."""
        modules = int(self.most / MODULE + 1e-9)
        version = (modules - 2 * QUIET - 17) // 4
        return min(_BYTES_AT_Q[min(version, len(_BYTES_AT_Q)) - 1], LONGEST)


POSTER: Final = WidthRange(100, 110)
CARD: Final = WidthRange(60, 66)
LABEL: Final = WidthRange(33.6, 33.6)
SETUP: Final = WidthRange(46, 66)
STORE: Final = WidthRange(37, 37)
"""The codes of the app stores on the set-up sheet."""
LEAFLET: Final = WidthRange(40, 57)
COPY: Final = WidthRange(42, 70)

_BYTES_AT_Q: Final = (11, 20, 32, 46, 60, 74, 86, 108, 130, 151, 177, 203, 241, 258)
"""How many bytes a code of version 1 to 14 holds at level Q (ISO/IEC 18004)."""
