"""Draws QR codes, each verified by decoding it, and reads one from an uploaded picture.

The libraries are imported on first use, so that they do not slow down the server's start.
"""

from __future__ import annotations

import io
import warnings
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from PIL import Image

LONGEST: Final = 256
"""Characters of an address that still fit a code of 65 mm."""
QUIET: Final = 4
"""Modules of the quiet zone: the white that a reader needs around a code."""
MODULE: Final = 0.8
"""The least width of one module on paper, in mm."""
MOST_PIXELS: Final = 40_000_000
"""A larger picture is refused: a small file can decompress to a picture that fills the memory."""
_ENOUGH: Final = 3000
"""Pixels along the longer side; a larger picture is scaled down to this."""
_PROBE: Final = 4
_DPI: Final = 300
_WHITE: Final = 255
_FORMATS: Final = ("PNG", "JPEG", "WEBP", "BMP", "GIF")


class TooLong(Exception):
    """The address needs more modules than the sheet has room for; `characters` is its length."""

    def __init__(self, characters: int) -> None:
        super().__init__(f"{characters} characters")
        self.characters = characters


class UnreadableCode(Exception):
    """The drawn code does not decode to its address; it may not be shown."""


class NoAddress(Exception):
    """No address can be read from this picture."""


class NotAPicture(NoAddress):
    """Not a PNG, JPEG, WebP, BMP or GIF, or a broken one."""


class PictureTooLarge(NoAddress):
    """The picture has more than `MOST_PIXELS`."""


class NoCode(NoAddress):
    """No QR code was found in the picture."""


class SeveralCodes(NoAddress):
    """The picture has codes with different contents: a person has to crop it to one."""


@dataclass(frozen=True, slots=True)
class Code:
    """One QR code at error level Q, verified by decoding. Measures are in modules; (0, 0) is in the quiet zone."""

    url: str = field(repr=False)
    version: int
    rows: tuple[tuple[bool, ...], ...] = field(repr=False)
    """Rows of modules from top to bottom, without the quiet zone; dark ones are true."""

    @property
    def across(self) -> int:
        """Modules from edge to edge, without the quiet zone."""
        return len(self.rows)

    @property
    def whole(self) -> int:
        """Modules from edge to edge, with the quiet zone."""
        return self.across + 2 * QUIET

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield the dark runs of each row: x, y and length, counted from the corner of the quiet zone."""
        for y, row in enumerate(self.rows, QUIET):
            start = None
            for x, dark in enumerate((*row, False), QUIET):
                if dark and start is None:
                    start = x
                elif not dark and start is not None:
                    yield start, y, x - start
                    start = None

    @property
    def path(self) -> str:
        """The dark modules as SVG path data, one unit a module. One path, so that no seam shows between rows."""
        return "".join(f"M{x} {y}h{length}v1h-{length}z" for x, y, length in self.runs())

    def svg(self, width: float | None = None, *, label: str = "") -> Markup:
        """Return the code as SVG with quiet zone, `width` mm wide or as wide as its container; no style, no script."""
        size = "" if width is None else f' width="{width:.2f}mm" height="{width:.2f}mm"'
        named = f' role="img" aria-label="{escape(label)}"' if label else ' aria-hidden="true"'
        return Markup(  # noqa: S704 - numbers and one escaped label
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.whole} {self.whole}"{size}{named}>'
            f'<path fill="#fff" d="M0 0h{self.whole}v{self.whole}H0z"/><path d="{self.path}"/></svg>'
        )

    def png(self, pixels_per_module: int = 10) -> bytes:
        """Return the code as PNG with quiet zone; at 10 pixels a module, office programs place it large enough."""
        content = io.BytesIO()
        self._picture(pixels_per_module).convert("1").save(content, "PNG", dpi=(_DPI, _DPI), optimize=True)
        return content.getvalue()

    def inline(self) -> str:
        """Return the code as the `data:` address of a PNG with one pixel a module."""
        content = io.BytesIO()
        self._picture(1).convert("1").save(content, "PNG", optimize=True)
        return f"data:image/png;base64,{b64encode(content.getvalue()).decode()}"

    def _picture(self, pixels_per_module: int) -> Image.Image:
        from PIL import Image  # noqa: PLC0415 - only when a code is made

        grey = bytes(0 if dark else _WHITE for row in self.rows for dark in row)
        small = Image.new("L", (self.whole, self.whole), _WHITE)
        small.paste(Image.frombytes("L", (self.across, self.across), grey), (QUIET, QUIET))
        side = self.whole * pixels_per_module
        return small.resize((side, side), Image.Resampling.NEAREST)


@lru_cache(maxsize=256)
def code(url: str) -> Code:
    """Return the code of an address, verified by decoding, from a cache. Raises `TooLong` and `UnreadableCode`."""
    return drawn_once(url)


def drawn_once(url: str) -> Code:
    """Return the same without caching, for an address with a secret. Raises `TooLong` and `UnreadableCode`."""
    if len(url) > LONGEST:
        raise TooLong(len(url))
    if not url.isascii() or not url.isprintable():
        raise UnreadableCode("phones disagree about other characters in a code")
    made = _draw(url)
    if _read(made._picture(_PROBE)) != [url.encode()]:  # noqa: SLF001 - the same module
        raise UnreadableCode("it does not read back")
    return made


def _draw(url: str) -> Code:
    import qrcode  # noqa: PLC0415 - only when a code is made
    from qrcode.constants import ERROR_CORRECT_Q  # noqa: PLC0415 - the same

    drawn = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=0)
    # One segment: the size then depends on the length alone, and a sheet that fitted still fits a new link.
    drawn.add_data(url.encode("ascii"), optimize=0)
    drawn.make(fit=True)
    return Code(url, drawn.version, tuple(tuple(bool(dark) for dark in row) for row in drawn.get_matrix()))


def read_picture(content: bytes) -> str:
    """Return the content of the one QR code in a picture: a saved file, a screenshot, or a photo of a screen.

    Raises `NotAPicture`, `PictureTooLarge`, `NoCode` or `SeveralCodes`. The caller validates the content.
    """
    whole = _open(content)
    for look in _looks(whole):
        if found := set(_read(look)):
            if len(found) > 1:
                raise SeveralCodes
            try:
                return found.pop().decode()
            except UnicodeDecodeError:
                raise NoCode from None
    raise NoCode


def _open(content: bytes) -> Image.Image:
    """Return the picture in grey, upright, on white, and scaled down to `_ENOUGH`."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - only when a picture is uploaded

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower
            picture: Image.Image = Image.open(io.BytesIO(content), formats=_FORMATS)
        if picture.width * picture.height > MOST_PIXELS:
            raise PictureTooLarge
        picture.draft("L", (_ENOUGH, _ENOUGH))  # a JPEG can be opened smaller than it is
        picture.load()
    except Image.DecompressionBombError:
        raise PictureTooLarge from None
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, IndexError, OverflowError):
        raise NotAPicture from None
    try:
        upright = ImageOps.exif_transpose(picture)
    except Exception:  # noqa: BLE001 - broken EXIF data must not keep the code from being read
        upright = picture
    upright.thumbnail((_ENOUGH, _ENOUGH), reducing_gap=2)
    if upright.has_transparency_data:  # without it, transparent pixels would become black
        upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright.convert("RGBA"))
    return upright.convert("L")


def _looks(picture: Image.Image) -> Iterator[Image.Image]:
    """Yield the picture, then variants that help with photos: framed, even light, moiré blurred away, smaller."""
    from PIL import Image, ImageFilter, ImageOps  # noqa: PLC0415 - only when a picture is uploaded

    yield picture
    framed = ImageOps.expand(picture, max(16, min(picture.size) // 12), fill=_WHITE)
    yield framed  # if cropped too close, it has lost its quiet zone
    even = ImageOps.autocontrast(framed, cutoff=2)
    yield even.filter(ImageFilter.GaussianBlur(1.5))
    for side in (1400, 700):
        if max(even.size) > side:
            yield ImageOps.contain(even, (side, side), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(1))


def _read(picture: Image.Image) -> list[bytes]:
    import zxingcpp  # noqa: PLC0415 - only when a code is made or read

    return [
        found.bytes
        for found in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    ]
