"""Reads a code off a page as a phone would: from its drawn modules."""

from __future__ import annotations

import re

import zxingcpp
from PIL import Image

_RUN = re.compile(r"M(\d+) (\d+)h(\d+)v1h-\d+z")


def read(source: str) -> str:
    """Return what the one code of a page says."""
    (svg,) = re.findall(
        r'<svg[^>]*viewBox="0 0 (\d+) \1"[^>]*>.*?<path d="([^"]+)"(?:/>|></path>)</svg>', source, re.DOTALL
    )
    side, path = int(svg[0]), svg[1]
    picture = Image.new("L", (side, side), 255)
    for x, y, length in ((int(a), int(b), int(c)) for a, b, c in _RUN.findall(path)):
        picture.paste(0, (x, y, x + length, y + 1))
    (found,) = zxingcpp.read_barcodes(picture.resize((side * 4, side * 4), Image.Resampling.NEAREST))
    return found.text
