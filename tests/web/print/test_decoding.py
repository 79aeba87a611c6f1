"""Whatever is printed can be read: by two decoders, at 150 and 300 dpi, worn as prints are worn."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest
import qrcode
import zxingcpp
from PIL import Image, ImageFilter
from pyzbar import pyzbar  # type: ignore[import-untyped] # it ships none

from app.web.kit.qr_codes import code as code_of
from app.web.print.sheets import PHONE, Sheet, SheetKind
from tests.web.print.desk import Press, every_sheet, stressed_sheets
from tests.web.print.wear import WEARS, WHITE, lost

EVERY: Final = every_sheet()
STRESSED: Final = stressed_sheets()
DPI: Final = (150, 300)
A4, A6 = (210.0, 297.0), (105.0, 148.0)


# --- two decoders -------------------------------------------------------------------------------------------


def by_zxing(picture: Image.Image) -> set[bytes]:
    return {
        found.bytes
        for found in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    }


def by_zbar(picture: Image.Image) -> set[bytes]:
    return {found.data for found in pyzbar.decode(picture, symbols=[pyzbar.ZBarSymbol.QRCODE])}


DECODERS: Final = {"zxing": by_zxing, "zbar": by_zbar}

# --- from a file to pictures --------------------------------------------------------------------------------


def info(pdf: bytes) -> list[tuple[float, float]]:
    """Return the size of each page, in mm."""
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(pdf)
        file.flush()
        said = subprocess.run(["pdfinfo", "-l", "99", file.name], capture_output=True, text=True, check=True).stdout  # noqa: S607 - where the system keeps it
    sizes = [line.split()[3:6:2] for line in said.splitlines() if line.startswith("Page ") and "size:" in line]
    return [(float(wide) * 25.4 / 72, float(high) * 25.4 / 72) for wide, high in sizes]


@lru_cache(maxsize=4)
def pages(pdf: bytes, dpi: int) -> list[Image.Image]:
    """Return the pages in grey."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sheet.pdf"
        file.write_bytes(pdf)
        subprocess.run(["pdftoppm", "-r", str(dpi), "-gray", str(file), f"{folder}/page"], check=True)  # noqa: S607 - where the system keeps it
        return [Image.open(io.BytesIO(path.read_bytes())) for path in sorted(Path(folder).glob("page*.pgm"))]


Place = tuple[int, float, float, float]
"""Which page, and where the dark of a code is on it: left, top, side in mm."""


def places(pdf: bytes) -> dict[bytes, list[Place]]:
    """Return where each code is, as it is found on the whole page."""
    found: dict[bytes, list[Place]] = {}
    for number, page in enumerate(pages(pdf, 150)):
        for code in zxingcpp.read_barcodes(page, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)):
            corners = code.position
            left, top = corners.top_left.x, corners.top_left.y
            side = (corners.top_right.x - left + corners.bottom_left.y - top) / 2
            pixel = 25.4 / 150
            found.setdefault(code.bytes, []).append((number, left * pixel, top * pixel, side * pixel))
    return found


def around(pdf: bytes, place: Place, dpi: int, modules: int) -> tuple[Image.Image, tuple[float, float, float], float]:
    """Return the picture around a code, the code in it, and how many pixels a module has."""
    number, *measures = place
    left, top, side = (value * dpi / 25.4 for value in measures)
    module = side / modules
    margin = module * 4
    box = (round(left - margin), round(top - margin), round(left + side + margin), round(top + side + margin))
    return pages(pdf, dpi)[number].crop(box), (margin, margin, side), module


# --- the sheets ---------------------------------------------------------------------------------------------


def expected(sheet: Sheet) -> dict[bytes, int]:
    """Return what the codes of a sheet say, and how often."""
    times = sheet.places.count(True) if sheet.kind is SheetKind.LABELS else 2 if sheet.two_up else 1
    stores = {store.url.encode(): 1 for store in PHONE.stores} if sheet.kind is SheetKind.SETUP else {}
    return {sheet.url.encode(): times, **stores}


def size(sheet: Sheet) -> list[tuple[float, float]]:
    return [A6, A6] if sheet.kind is SheetKind.CARD and not sheet.two_up else [A4]


def unread(pdf: bytes, sheet: Sheet) -> Iterator[str]:
    """Yield what one of the decoders does not read: which code, which wear, at which resolution."""
    found = places(pdf)
    for url in expected(sheet):
        place = found[url][-1]  # of many labels, the last one
        modules = code_of(url.decode()).across
        for dpi in DPI:
            picture, code, module = around(pdf, place, dpi, modules)
            for name, wear in WEARS.items():
                worn = wear(picture, code, module)
                yield from (f"{by}: {name}, {dpi} dpi" for by, read in DECODERS.items() if url not in read(worn))


def test_there_is_a_sheet_of_every_kind() -> None:
    assert len(EVERY) == 2 * len(SheetKind) + 2


@pytest.mark.browser
@pytest.mark.parametrize("name", EVERY)
def test_a_printed_sheet_is_whole(press: Press, name: str) -> None:
    sheet, made = EVERY[name], press.printed(name, EVERY[name])
    assert [pytest.approx(each, abs=0.5) for each in info(made.pdf)] == size(sheet)
    assert made.overflowing == []
    assert made.moved == [], "what is seen is what is printed"
    assert made.complaints == [], "the policy blocks something, or a file is missing"
    assert {url: len(where) for url, where in places(made.pdf).items()} == expected(sheet)


@pytest.mark.browser
@pytest.mark.parametrize("name", STRESSED)
def test_long_names_and_addresses_stay_on_their_sheet(press: Press, name: str) -> None:
    sheet, made = STRESSED[name], press.printed(name, STRESSED[name])
    assert made.overflowing == []
    assert len(info(made.pdf)) == len(size(sheet))
    assert {url: len(where) for url, where in places(made.pdf).items()} == expected(sheet)


@pytest.mark.browser
@pytest.mark.parametrize("name", EVERY)
def test_a_printed_sheet_is_read(press: Press, name: str) -> None:
    assert list(unread(press.printed(name, EVERY[name]).pdf, EVERY[name])) == []


@pytest.mark.browser
@pytest.mark.parametrize("name", EVERY)
def test_no_module_is_printed_smaller_than_it_may_be(press: Press, name: str) -> None:
    sheet = EVERY[name]
    for _, _, _, side in places(press.printed(name, sheet).pdf)[sheet.url.encode()]:
        assert side / sheet.code.across == pytest.approx(sheet.module, rel=0.02)
        assert sheet.module > 0.8 - 1e-9


# --- the matrix can fail ------------------------------------------------------------------------------------


def weak(level: int) -> tuple[Image.Image, tuple[float, float, float]]:
    made = qrcode.QRCode(error_correction=level, border=4)
    made.add_data(EVERY["official-poster"].url.encode(), optimize=0)
    made.make()
    rows = made.get_matrix()
    picture = Image.frombytes("L", (len(rows), len(rows)), bytes(0 if dark else WHITE for row in rows for dark in row))
    return picture.resize((len(rows) * 6, len(rows) * 6), Image.Resampling.NEAREST), (24, 24, len(rows) * 6 - 48)


def test_a_weaker_code_does_not_survive_the_patch() -> None:
    picture, code = weak(qrcode.constants.ERROR_CORRECT_L)
    assert all(read(picture) for read in DECODERS.values())
    assert not any(read(lost(picture, code, 0.15, WHITE)) for read in DECODERS.values())


def test_a_code_printed_too_small_is_not_read() -> None:
    picture, _ = weak(qrcode.constants.ERROR_CORRECT_Q)
    modules = picture.width / 6
    pixels = round(modules * 0.25 / 25.4 * 150)  # 0.25 mm a module at 150 dpi
    small = picture.resize((pixels, pixels), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(0.5))
    assert not any(read(small) for read in DECODERS.values())


@pytest.mark.browser
@pytest.mark.threat("T05")
def test_a_wrong_code_is_noticed(press: Press) -> None:
    other = EVERY["official-labels"]
    assert list(expected(other)) != list(expected(EVERY["entry-labels"]))
    with pytest.raises(KeyError):
        list(unread(press.printed("entry-labels", EVERY["entry-labels"]).pdf, other))
