"""Every code reads back byte for byte, or is not shown."""

from __future__ import annotations

import io
import random
import re
import subprocess
import sys

import pytest
import zxingcpp
from PIL import Image

from app.web.kit import qr_codes
from app.web.kit.qr_codes import LONGEST, MODULE, QUIET, TooLong, UnreadableCode, code
from app.web.print.code_size import WidthRange
from tests.web.print.desk import ENTRY, OFFICIAL_LONG

QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
IN_AN_ADDRESS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%"


@pytest.mark.slow
def test_a_thousand_random_addresses_come_back_byte_for_byte() -> None:
    drawn = random.Random(20261122)
    for _ in range(1000):
        length = drawn.randint(len("https://a"), LONGEST)
        url = "https://" + "".join(drawn.choices(IN_AN_ADDRESS, k=length - len("https://")))
        made = qr_codes.code.__wrapped__(url)  # decodes back itself; here once more, from the smallest picture
        with Image.open(io.BytesIO(made.png(2))) as picture:
            assert [found.bytes for found in zxingcpp.read_barcodes(picture.convert("L"), formats=QR)] == [url.encode()]


@pytest.mark.parametrize(("length", "version"), [(46, 4), (47, 5), (60, 5), (120, 9), (150, 10), (151, 10), (256, 14)])
def test_the_size_depends_on_the_length_alone(length: int, version: int) -> None:
    sizes = {code(("https://" + letter * 300)[:length]).version for letter in "a1Z-"}
    assert sizes == {version}
    assert code(("https://" + "a" * 300)[:length]).across == 17 + 4 * version


def test_the_level_is_q() -> None:
    with Image.open(io.BytesIO(code(ENTRY).png())) as picture:
        assert zxingcpp.read_barcodes(picture.convert("L"))[0].ec_level == "Q"


def test_longer_than_256_is_refused() -> None:
    assert code("https://" + "a" * 248).version == 14
    with pytest.raises(TooLong) as refused:
        code("https://" + "a" * 249)
    assert refused.value.characters == 257


@pytest.mark.parametrize("url", ["https://例え.jp/", "https://a.example/\n", "https://a.example/\x7f"])
def test_what_phones_read_differently_is_refused(url: str) -> None:
    with pytest.raises(UnreadableCode):
        code(url)


@pytest.mark.parametrize("row", [0, 12])
def test_a_code_that_does_not_read_back_is_not_shown(monkeypatch: pytest.MonkeyPatch, row: int) -> None:
    whole = qr_codes._draw

    def spoiled(url: str) -> qr_codes.Code:
        made = whole(url)
        return qr_codes.Code(
            url,
            made.version,
            tuple(
                tuple(not dark for dark in each) if place // 9 == row // 9 else each
                for place, each in enumerate(made.rows)
            ),
        )

    monkeypatch.setattr(qr_codes, "_draw", spoiled)
    with pytest.raises(UnreadableCode):
        code(f"https://a.example/spoiled/{row}")


def test_another_code_is_not_shown_either(monkeypatch: pytest.MonkeyPatch) -> None:
    other = qr_codes._draw("https://a.example/other")
    monkeypatch.setattr(qr_codes, "_draw", lambda url: other)
    with pytest.raises(UnreadableCode):
        code("https://a.example/wanted")


def test_a_code_is_as_wide_as_wanted_or_as_its_modules_need() -> None:
    short, long = code(ENTRY), code(OFFICIAL_LONG)
    assert WidthRange(60, 66).width(short) == 60
    assert WidthRange(60, 66).width(long) == pytest.approx((long.across + 2 * QUIET) * MODULE) == pytest.approx(64.8)
    with pytest.raises(TooLong):
        WidthRange(30, 64).width(long)


def test_the_drawing_has_its_white_its_millimetres_and_no_style() -> None:
    drawn = code(ENTRY).svg(60, label="<二次元コード>")
    assert 'width="60.00mm" height="60.00mm"' in drawn
    assert f'viewBox="0 0 {code(ENTRY).whole} {code(ENTRY).whole}"' in drawn
    assert 'aria-label="&lt;二次元コード&gt;"' in drawn
    assert "style" not in drawn
    assert ENTRY not in drawn
    starts = [(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h", code(ENTRY).path)]
    assert min(min(at) for at in starts) == QUIET
    assert max(x + length for x, _, length in code(ENTRY).runs()) == QUIET + code(ENTRY).across


def test_the_address_is_in_no_log_line() -> None:
    assert "8h3kq2m49xtz" not in repr(code(ENTRY))


def test_starting_the_server_loads_no_drawing_program() -> None:
    asked = "import sys, app.web.print.sheets; print([m for m in ('qrcode', 'PIL', 'zxingcpp') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
