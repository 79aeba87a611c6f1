"""What happens to a print before a phone sees it: bad light, a tilted hand, a shaking one, a torn or stained spot."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

WHITE: Final = 255


def leaning(picture: Image.Image, much: float) -> Image.Image:
    """Return the picture as seen from one side: its right edge is shorter than its left one."""
    wide, high = picture.size
    short = high * much
    corners = ((0, 0), (wide, short), (wide, high - short * 0.6), (short * 0.3, high))
    return picture.transform(
        picture.size,
        Image.Transform.PERSPECTIVE,
        _coefficients(corners, wide, high),
        Image.Resampling.BICUBIC,
        fillcolor=WHITE,
    )


def _coefficients(corners: tuple[tuple[float, float], ...], wide: int, high: int) -> list[float]:
    """Solve for the eight numbers that take each corner of the result to the corner of the picture."""
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (wide, 0), (wide, high), (0, high)), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for at in range(8):
        best = max(range(at, 8), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for other in range(8):
            if other != at:
                by = rows[other][at]
                rows[other] = [value - by * of for value, of in zip(rows[other], rows[at], strict=True)]
    return [row[8] for row in rows]


def lost(picture: Image.Image, code: tuple[float, float, float], share: float, fill: int) -> Image.Image:
    """Return the picture with a square patch gone: `share` of the code's area, where no finder is."""
    left, top, side = code
    patch = side * share**0.5
    drawn = random.Random(round(left + top + side + fill))
    x = left + side * drawn.uniform(0.42, 0.5) - patch / 2 + side * 0.05
    y = top + side * drawn.uniform(0.45, 0.6) - patch / 2
    worn = picture.copy()
    ImageDraw.Draw(worn).rectangle((x, y, x + patch, y + patch), fill=fill)
    return worn


Wear = Callable[[Image.Image, tuple[float, float, float], float], Image.Image]
"""The picture around a code, the code in it (left, top, side), the width of a module in pixels; answers it worn."""

WEARS: Final[dict[str, Wear]] = {
    "as it is": lambda picture, code, module: picture,
    "half the contrast": lambda picture, code, module: ImageEnhance.Contrast(picture).enhance(0.5),
    "turned by 7": lambda picture, code, module: picture.rotate(
        7, Image.Resampling.BICUBIC, expand=True, fillcolor=WHITE
    ),
    "turned by 90": lambda picture, code, module: picture.transpose(Image.Transpose.ROTATE_90),
    "turned by 180": lambda picture, code, module: picture.transpose(Image.Transpose.ROTATE_180),
    "from one side": lambda picture, code, module: leaning(picture, 0.06),
    "blurred": lambda picture, code, module: picture.filter(ImageFilter.GaussianBlur(module * 0.35)),
    "a spot torn off": lambda picture, code, module: lost(picture, code, 0.05, WHITE),
    "a dark stain": lambda picture, code, module: lost(picture, code, 0.05, 0),
}
