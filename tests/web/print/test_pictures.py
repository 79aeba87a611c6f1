"""The office brings its official address as a picture: saved, as a screenshot, or photographed from a screen."""

from __future__ import annotations

import io
import random
import struct
import zlib

import pytest
import qrcode
from PIL import Image, ImageDraw, ImageFilter

from app.web.kit.qr_codes import NoAddress, NoCode, NotAPicture, PictureTooLarge, SeveralCodes, code, read_picture
from tests.web.print.desk import ENTRY, OFFICIAL_LONG
from tests.web.print.wear import leaning

OFFICIAL = "https://zaitaku.example/reception?facility=a7Kp2Qx9ZtLm4Rw8"


def picture(url: str = OFFICIAL, pixels: int = 6) -> Image.Image:
    with Image.open(io.BytesIO(code(url).png(pixels))) as opened:
        return opened.convert("L")


def saved(shown: Image.Image, kind: str = "PNG", **more: object) -> bytes:
    content = io.BytesIO()
    shown.save(content, kind, **more)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
@pytest.mark.parametrize("url", [OFFICIAL, OFFICIAL_LONG])
def test_a_saved_code_is_read(kind: str, url: str) -> None:
    assert read_picture(saved(picture(url), kind)) == url


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_the_camera_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert read_picture(saved(picture(), "JPEG", exif=exif)) == OFFICIAL


def screenshot(dark: bool) -> Image.Image:
    ground = 24 if dark else 245
    shot = Image.new("L", (1170, 2532), ground)
    drawing = ImageDraw.Draw(shot)
    for line in range(60, 900, 70):
        drawing.rectangle((60, line, 60 + (line * 37) % 900 + 100, line + 26), fill=128)
    shot.paste(picture(pixels=8).resize((520, 520)), (320, 1100))
    return shot


@pytest.mark.parametrize("dark", [False, True])
def test_a_screenshot_is_read(dark: bool) -> None:
    assert read_picture(saved(screenshot(dark))) == OFFICIAL


def test_light_on_dark_is_read() -> None:
    assert read_picture(saved(picture().point(lambda value: 255 - value))) == OFFICIAL


def test_black_on_nothing_is_read() -> None:
    shown = picture()
    clear = Image.merge("RGBA", (*(Image.new("L", shown.size, 0),) * 3, shown.point(lambda value: 255 - value)))
    assert read_picture(saved(clear)) == OFFICIAL


def test_a_code_cut_at_its_edge_is_read() -> None:
    shown = picture()
    assert read_picture(saved(shown.crop((24, 24, shown.width - 24, shown.height - 24)))) == OFFICIAL


def photographed(seed: int) -> Image.Image:
    """Return a screen as a phone sees it: pixels of the screen beat with those of the camera, light falls from a side."""
    drawn = random.Random(seed)
    shown = screenshot(dark=bool(seed % 2)).resize((1000, 2164)).convert("RGB")
    pixels = Image.new("RGB", (3, 3))
    for at in range(3):
        for row in range(3):
            pixels.putpixel((at, row), tuple(255 if lamp == at else 120 for lamp in range(3)) if row else (90, 90, 90))
    mask = Image.new("RGB", shown.size)
    for left in range(0, shown.width, 300):
        for top in range(0, shown.height, 300):
            mask.paste(
                pixels.resize((3, 3)).transform((300, 300), Image.Transform.AFFINE, (1, 0, 0, 0, 1, 0)), (left, top)
            )
    for left in range(0, shown.width, 3):
        ImageDraw.Draw(mask).line((left, 0, left, shown.height), fill=(255, 160, 160))
        ImageDraw.Draw(mask).line((left + 1, 0, left + 1, shown.height), fill=(160, 255, 160))
    seen = Image.blend(shown, Image.composite(shown, mask, mask.convert("L")), 0.45)
    seen = leaning(seen.convert("L"), 0.06 + drawn.random() * 0.05).rotate(
        drawn.uniform(-9, 9), expand=True, fillcolor=90
    )
    light = Image.linear_gradient("L").resize(seen.size).point(lambda value: 150 + value // 3)
    seen = Image.composite(seen, Image.new("L", seen.size, 70), light).filter(ImageFilter.GaussianBlur(1.2))
    return seen.resize((int(seen.width * 1.37), int(seen.height * 1.37)))


@pytest.mark.parametrize("seed", range(4))
def test_a_photo_of_a_screen_is_read(seed: int) -> None:
    assert read_picture(saved(photographed(seed), "JPEG", quality=70)) == OFFICIAL


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_photo_whose_notes_are_damaged_is_read() -> None:
    picture, damaged = io.BytesIO(), b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\xff\xff\xff\xff\x06\0"
    Image.open(io.BytesIO(code(OFFICIAL).png(6))).convert("RGB").save(picture, "JPEG", exif=damaged)
    assert read_picture(picture.getvalue()) == OFFICIAL


def test_a_large_photo_is_read() -> None:
    large = Image.new("L", (6000, 5000), 200)
    large.paste(picture(pixels=20), (2100, 1500))
    assert read_picture(saved(large, "JPEG")) == OFFICIAL


# --- refused, each with its reason --------------------------------------------------------------------------


def claimed(width: int, height: int) -> bytes:
    """Return a PNG that says how large it is and holds next to nothing."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"\0" * 100)) + part(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(8000, 5001), (12000, 8000), (60000, 60000)])
def test_a_bomb_is_not_opened(width: int, height: int) -> None:
    with pytest.raises(PictureTooLarge):
        read_picture(claimed(width, height))


def tiff() -> bytes:
    return saved(picture(), "TIFF")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        b"<svg/>",
        b"\x89PNG\r\n\x1a\n",
        saved(picture())[:200],
        saved(picture(), "JPEG")[:400],
        claimed(100, 100),
        tiff(),
        b"GIF89a" + b"\0" * 40,
        b"BM" + b"\xff" * 60,
    ],
    ids=["empty", "pdf", "svg", "head", "half", "half-jpeg", "hollow", "tiff", "gif", "bmp"],
)
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(NotAPicture):
        read_picture(content)


def test_spoiled_bytes_are_refused_or_read_but_never_break() -> None:
    drawn = random.Random(7)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        whole = saved(picture(pixels=3), kind)
        for _ in range(60):
            spoiled = bytearray(whole)
            for _ in range(drawn.randint(1, 12)):
                spoiled[drawn.randrange(len(spoiled))] = drawn.randrange(256)
            try:
                assert read_picture(bytes(spoiled)) == OFFICIAL
            except NoAddress:
                continue


def test_a_picture_without_a_code_is_refused() -> None:
    with pytest.raises(NoCode):
        read_picture(saved(Image.effect_noise((400, 400), 80)))


def test_a_code_that_is_no_text_is_refused() -> None:
    made = qrcode.QRCode()
    made.add_data(b"\xff\xfe\x80\x81")
    content = io.BytesIO()
    made.make_image().save(content)
    with pytest.raises(NoCode):
        read_picture(content.getvalue())


def test_two_different_codes_are_refused_and_the_same_twice_is_one() -> None:
    def beside(other: str) -> bytes:
        left, right = picture(), picture(other)
        both = Image.new("L", (left.width + right.width, max(left.height, right.height)), 255)
        both.paste(left, (0, 0))
        both.paste(right, (left.width, 0))
        return saved(both)

    with pytest.raises(SeveralCodes):
        read_picture(beside(ENTRY))
    assert read_picture(beside(OFFICIAL)) == OFFICIAL
