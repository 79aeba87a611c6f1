"""Reads a code off a page as a phone would: from its pixels, or from its drawn modules."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

import zxingcpp
from PIL import Image

_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")
_LARGER = 4


def read(source: str) -> str:
    """Return what the one code of a page says."""
    picture = _inline(source) or _drawn(source)
    across = picture.width * _LARGER
    (found,) = zxingcpp.read_barcodes(picture.resize((across, across), Image.Resampling.NEAREST))
    return found.text


def _inline(source: str) -> Image.Image | None:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', source)
    return Image.open(BytesIO(b64decode(found[1]))).convert("L") if found else None


def _drawn(source: str) -> Image.Image:
    pattern = r'<svg[^>]*viewBox="0 0 (\d+) \1"[^>]*>.*?<path d="([^"]+)"(?:/>|></path>)</svg>'
    ((side, path),) = re.findall(pattern, source, re.DOTALL)
    picture = Image.new("L", (int(side), int(side)), 255)
    for x, y, length in ((int(a), int(b), int(c)) for a, b, c in _RUN.findall(path)):
        picture.paste(0, (x, y, x + length, y + 1))
    return picture
