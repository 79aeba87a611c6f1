"""Draws a sheet as a PDF with its font inside, for those who need a file: same words and measures, plainer than print.

The Japanese font has one weight; bold is drawn with an outline. A character that it lacks is drawn as 〓, and the
sheet then says so, so that nobody hands out a name with a hole in it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.drawing_primitives import DeviceRGB
from fpdf.enums import PathPaintRule, TextMode
from fpdf.fonts import TTFFont

from app.rules.content import NAMES
from app.rules.words.furigana import N_, plain
from app.web.kit.qr_codes import Code, code
from app.web.print.sheets import COLUMNS, PHONE, POSTER_STEPS, STORE_ROOM, Kind, Sheet

Asset = Callable[[str], bytes]
Colour = tuple[int, int, int]

_INK: Final = (26, 26, 26)
_SOFT: Final = (77, 77, 77)
_NAVY: Final = (0, 0, 96)
_BLUE: Final = (0, 23, 193)
_GREY: Final = (148, 148, 148)
_SUN: Final = (255, 240, 179)
_NOTE: Final = (251, 245, 224)
_BROWN: Final = (96, 75, 0)
_WHITE: Final = (255, 255, 255)
_MISSING: Final = "〓"
_POINT: Final = 0.352778
_BREAK_BEFORE_NOT: Final = frozenset("、。，．）」』】・ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々〜!?！？：")
_BREAK_AFTER_NOT: Final = frozenset("（「『【")
_PAUSES: Final = frozenset("、。　 )）」】")
_ONLY_BEGINNINGS: Final = frozenset({"", "ご", "お"})
A4: Final = (210.0, 297.0)
A6: Final = (105.0, 148.0)
_PAD: Final = 2.0
_WORDS: Final = 10.0
"""Points of the words in the steps of "set up this phone"."""


def draw(sheet: Sheet, font: Path, asset: Asset) -> bytes:
    """Return the sheet as a PDF. Raises `TooLong` and `Unreadable`."""
    paper = _Paper(sheet, font, asset)
    try:
        {Kind.POSTER: _poster, Kind.CARD: _card, Kind.LABELS: _labels, Kind.SETUP: _setup}[sheet.kind](paper)
        return paper.content()
    finally:
        paper.close()


class _Paper:
    """A page in mm: text that wraps and shrinks, drawings, codes and frames."""

    def __init__(self, sheet: Sheet, font: Path, asset: Asset) -> None:
        self.sheet = sheet
        self._asset = asset
        self.official = sheet.is_official
        self.line: Colour = _INK if self.official else _NAVY
        self.act: Colour = _INK if self.official else _BLUE
        self._pdf = FPDF(unit="mm")
        self._pdf.set_auto_page_break(auto=False)
        self._pdf.set_margin(0)
        self._pdf.c_margin = 0
        self._pdf.add_font("sheet", fname=font)
        added = self._pdf.fonts["sheet"]
        self._has = frozenset(added.cmap) if isinstance(added, TTFFont) else frozenset()
        self._pdf.set_title(f"{plain(sheet.title)}（{sheet.words.name}・{sheet.edition}）")
        self._pdf.set_creator("かざす")
        self._pdf.set_lang("ja")
        self.lacks = False
        self.left = self.top = 0.0

    def page(self, size: tuple[float, float]) -> None:
        self._pdf.add_page(format=size)

    def content(self) -> bytes:
        return bytes(self._pdf.output())

    def close(self) -> None:
        """Close the font's file, which stays open otherwise."""
        for font in self._pdf.fonts.values():
            if isinstance(font, TTFFont):
                font.ttfont.close()

    # --- text ---

    def text(  # noqa: PLR0913 - where, what, and how it looks
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        *,
        wide: float = 200,
        bold: bool = False,
        align: str = "L",
        colour: Colour = _INK,
        lines: int = 1,
        leading: float = 1.4,
    ) -> float:
        """Write words from (x, y) down, smaller if they would need more lines; answer how high they are."""
        known = "".join(char if ord(char) in self._has or char == "\n" else _MISSING for char in plain(words))
        self.lacks |= _MISSING in known
        size, rows = self._fitted(known, size, wide, lines)
        pdf = self._pdf
        step = size * _POINT * leading
        mode = TextMode.FILL_STROKE if bold else TextMode.FILL
        with pdf.local_context(text_mode=mode, text_color=colour, draw_color=colour, line_width=size * _POINT * 0.035):
            for number, row in enumerate(rows):
                shift = {"L": 0.0, "C": 0.5, "R": 1.0}[align] * (wide - pdf.get_string_width(row))
                base = step * number + (step + size * _POINT * 0.76) / 2
                pdf.text(self.left + x + shift, self.top + y + base, row)
        return step * len(rows)

    def _fitted(self, words: str, size: float, wide: float, lines: int) -> tuple[float, list[str]]:
        while True:
            self._pdf.set_font("sheet", size=size)
            rows = list(self._rows(words, wide))
            if len(rows) <= lines or size <= 5:  # noqa: PLR2004 - smaller is not read any more
                return size, rows
            size -= 0.25

    def _rows(self, words: str, wide: float) -> Iterator[str]:
        for paragraph in words.split("\n"):
            row = ""
            for piece in self._narrow(paragraph, wide):
                if row and self._pdf.get_string_width(row + piece) > wide:
                    yield row
                    row = piece.lstrip()
                else:
                    row += piece
            yield row

    def _narrow(self, words: str, wide: float) -> Iterator[str]:
        for phrase in _phrases(words):
            yield from [phrase] if self._pdf.get_string_width(phrase) <= wide else phrase

    def rows(self, words: str, size: float, wide: float) -> int:
        """Return how many lines the words take."""
        self._pdf.set_font("sheet", size=size)
        return len(list(self._rows(words, wide)))

    def width(self, words: str, size: float) -> float:
        self._pdf.set_font("sheet", size=size)
        return float(self._pdf.get_string_width(plain(words)))

    # --- shapes ---

    def box(  # noqa: PLR0913 - where, how large, and how it looks
        self,
        x: float,
        y: float,
        wide: float,
        high: float,
        *,
        line: Colour | None = None,
        fill: Colour | None = None,
        weight: float = 0.5,
        radius: float = 0,
        dash: float = 0,
    ) -> None:
        pdf = self._pdf
        if line:
            pdf.set_draw_color(*line)
            pdf.set_line_width(weight)
        if fill:
            pdf.set_fill_color(*fill)
        if dash:
            pdf.set_dash_pattern(dash=dash, gap=dash * 0.7)
        style = ("D" if line else "") + ("F" if fill else "")
        rounded = radius > 0 and not self.official
        pdf.rect(self.left + x, self.top + y, wide, high, style=style, round_corners=rounded, corner_radius=radius)
        if dash:
            pdf.set_dash_pattern()

    def rule(  # noqa: PLR0913 - from where to where, and how it looks
        self, x: float, y: float, to_x: float, to_y: float, *, line: Colour, weight: float = 0.3, dash: float = 0
    ) -> None:
        pdf = self._pdf
        pdf.set_draw_color(*line)
        pdf.set_line_width(weight)
        if dash:
            pdf.set_dash_pattern(dash=dash, gap=dash * 0.7)
        pdf.line(self.left + x, self.top + y, self.left + to_x, self.top + to_y)
        if dash:
            pdf.set_dash_pattern()

    def disc(self, x: float, y: float, radius: float, fill: Colour) -> None:
        self._pdf.set_fill_color(*fill)
        self._pdf.circle(self.left + x, self.top + y, radius, style="F")

    def picture(self, name: str, x: float, y: float, wide: float, *, mirrored: float = 0) -> None:
        """Draw a picture; `mirrored` is how wide it is in its own units when it should look the other way."""
        drawing = self._asset(name)
        if mirrored:
            drawing = drawing.replace(b"<g ", b'<g transform="translate(%d 0) scale(-1 1)" ' % mirrored, 1)
        self._pdf.image(io.BytesIO(drawing), x=self.left + x, y=self.top + y, w=wide)

    def code(self, drawn: Code, x: float, y: float, wide: float) -> None:
        """Draw a code with its white, in one path, so that no seam shows between rows."""
        module = wide / drawn.whole
        self.box(x, y, wide, wide, fill=_WHITE)
        with self._pdf.new_path() as path:
            path.style.fill_color = DeviceRGB(0, 0, 0)
            path.style.stroke_color = None
            path.style.paint_rule = PathPaintRule.FILL_NONZERO
            for left, top, length in drawn.runs():
                path.rectangle(self.left + x + left * module, self.top + y + top * module, length * module, module)

    # --- what sheets share ---

    def titled(self, x: float, y: float, number: int, title: str, size: float) -> float:
        """Write a title with its number in a disc, or in a square on an official sheet; answer how high it is."""
        high = size * _POINT * 1.45
        if self.official:
            self.box(x, y + high * 0.06, high * 0.88, high * 0.88, fill=self.act)
        else:
            self.disc(x + high * 0.44, y + high * 0.5, high * 0.44, self.act)
        self.text(x, y + high * 0.1, str(number), size * 0.8, wide=high * 0.88, align="C", bold=True, colour=_WHITE)
        return self.text(x + high * 1.15, y, title, size, bold=True, leading=1.45)

    def practice(self, x: float, y: float, wide: float, high: float, size: float) -> float:
        """Draw the strip of a practice station; answer how much room it took."""
        if not self.sheet.practice:
            return 0
        self.box(x, y, wide, high, line=_BROWN, fill=_NOTE, weight=0.4, radius=2, dash=1)
        self.text(
            x, y + (high - size * _POINT * 1.4) / 2, f"{_PRACTICE}　{_NOT_REAL}", size, wide=wide, align="C", bold=True
        )
        return high

    def whose(self, right: float, y: float, high: float, size: float, *, long: bool = True) -> None:
        """Draw whose address it is, ending at `right`: round for ours, square and black for an official one."""
        words = self.sheet.words
        name, note = words.name, f"　{words.not_the_other}" if long else ""
        wide = self.width(name, size) + self.width(note, size * 0.8) + high * (1.6 if self.official else 0.9)
        x = right - wide
        self.box(x, y, wide, high, line=self.line, weight=0.9 if self.official else 0.6, radius=high / 3)
        if self.official:
            self.picture("pictures/print-outside.svg", x + high * 0.25, y + high * 0.2, high * 0.6)
        inner = x + high * (1.05 if self.official else 0.45)
        used = self.width(name, size)
        self.text(inner, y + (high - size * _POINT * 1.4) / 2, name, size, bold=True)
        self.text(inner + used, y + (high - size * 0.8 * _POINT * 1.4) / 2, note, size * 0.8)

    def brand(self, x: float, y: float, high: float) -> None:
        """Draw our mark and name; never on an official sheet."""
        if not self.official:
            self.picture("icons/mark.svg", x, y, high)
            self.text(x + high * 1.2, y + high * 0.14, "かざす", high * 1.75, bold=True, colour=_BLUE, leading=1.2)

    def _caption(self, wide: float, size: float) -> list[str]:
        host, tail = self.sheet.host, f"{_TAIL} {self.sheet.tail}"
        together = f"{host}　{tail}"
        return [together] if self.width(together, size) <= wide - 4 else [host, tail]

    def frame_height(self, wide: float, size: float) -> float:
        """Return how high a framed code is, its raised edge included."""
        line = size * _POINT * 1.5
        return 2 * _PAD + wide + line * (len(self._caption(wide, size)) + 1.3 * self.official) + 2.2

    def framed(self, centre: float, y: float, wide: float, size: float) -> float:
        """Draw the code in its frame, where it leads below it; answer how high all of it is."""
        line = size * _POINT * 1.5
        x, full, high = centre - wide / 2 - _PAD, wide + 2 * _PAD, self.frame_height(wide, size) - 2.2
        bar = line * 1.3 if self.official else 0.0
        if self.official:
            self.box(x - 1.3, y - 1.3, full + 2.6, high + 2.6, line=_INK, fill=_WHITE, weight=0.8)
            self.box(x, y, full, high, line=_INK, weight=0.6)
            self.box(x, y, full, bar, fill=_INK)
            self.text(x, y + bar * 0.13, NAMES.web, size, wide=full, align="C", bold=True, colour=_WHITE)
        else:
            self.box(x, y + 2.2, full, high, line=self.line, fill=self.line, weight=1, radius=6)
            self.box(x, y, full, high, line=self.line, fill=_WHITE, weight=1, radius=6)
        self.code(self.sheet.code, x + _PAD, y + bar + _PAD, wide)
        at = y + bar + _PAD + wide
        for words in self._caption(wide, size):
            at += self.text(x + 2, at, words, size, wide=full - 4, align="C", bold=True, leading=1.5)
        return high + 2.2

    def foot(self, place: tuple[float, float, float], size: float, dies: str, below: str, *, telephone: bool) -> None:
        """Draw what kills this sheet, its revision and date, and whom to call."""
        sheet, (x, y, wide) = self.sheet, place
        self.rule(x, y, x + wide, y, line=self.line, weight=0.7)
        step = size * _POINT * 1.55
        second = y + 1.2 + (0 if telephone else step)
        issued = f"{sheet.edition}　{sheet.day}{_ISSUED}"
        self.text(x, y + 1.2, dies, size, wide=wide * (0.66 if telephone else 1), bold=True)
        self.text(x + wide * 0.6, second, issued, size * 0.9, wide=wide * 0.4, align="R")
        self.text(x, y + 1.2 + step, below, size * 0.9, wide=wide * 0.6)
        if telephone:
            called = f"{_TELEPHONE} {sheet.facility.telephone}"
            self.text(x + wide * 0.6, y + 1.2 + step, called, size * 0.9, wide=wide * 0.4, align="R")
        if self.lacks:
            self.text(x, y + 1.4 + 2 * step, _LACKS, 7, wide=wide, colour=_SOFT)


def _phrases(words: str) -> Iterator[str]:
    """Yield what stays on one line: a word with its particles, a run of katakana, a word of Latin letters."""
    phrase = ""
    for char in words:
        if phrase not in _ONLY_BEGINNINGS and _may_part(phrase[-1], char):
            yield phrase
            phrase = ""
        phrase += char
    yield phrase


def _may_part(before: str, after: str) -> bool:
    if after in _BREAK_BEFORE_NOT or before in _BREAK_AFTER_NOT:
        return False
    ends = before in _PAUSES or (_is_hiragana(before) and not _is_hiragana(after))
    return ends or after in _BREAK_AFTER_NOT


def _is_hiragana(char: str) -> bool:
    return "ぁ" <= char <= "ん"


_PRACTICE: Final = N_("練習")
_NOT_REAL: Final = N_("本物の登録はされません")
_TAIL: Final = N_("末尾")
_ISSUED: Final = N_("発行")
_TELEPHONE: Final = N_("電話")
_LACKS: Final = N_("〓：このファイルの書体にない文字です。画面から印刷すると、正しく出ます。")
_IF_NOT: Final = N_("開かないときは、事業所へ電話してください。")
_IN_TROUBLE: Final = N_("困ったとき")
_READ_WITH: Final = N_("訪問に出るスマホで読み取ると、")
_WITH_CAMERA: Final = N_("カメラで読み取ると、")
_WAYS_BACK: Final = N_("もどり方")
_DONTS: Final = N_("しないこと")
_OFFICIAL_PAGE: Final = N_("アプリの公式の案内")
_DEVICE: Final = N_("端末名")
_PREPARED: Final = N_("準備した日")
_CUT: Final = N_("切る")
_FOLD: Final = N_("折る")


def _poster(paper: _Paper) -> None:
    sheet = paper.sheet
    paper.page(A4)
    if not paper.official:
        paper.disc(105, 158, 84, _SUN)
    paper.brand(12, 11, 12)
    paper.whose(198, 12, 9, 13)
    y = 26 + paper.practice(12, 26, 186, 9, 12) + 3
    y += paper.text(12, y, sheet.facility.name, 29, wide=186, align="C", bold=True, lines=2, leading=1.3) + 1
    y += paper.text(12, y, f"{_READ_WITH}\n{sheet.words.leads}", 18, wide=186, align="C", lines=2) + 3
    y += max(0, (219 - y - paper.frame_height(sheet.width, 14)) / 2)
    if not paper.official:
        paper.picture("pictures/print-waves.svg", 26, y + 48, 17)
        paper.picture("pictures/print-waves.svg", 167, y + 48, 17, mirrored=60)
    paper.framed(105, y, sheet.width, 14)
    y = 221
    for number, step in enumerate(POSTER_STEPS):
        x = 12 + number * 63.5
        paper.box(x, y, 59, 46, line=_GREY, fill=_WHITE, radius=4)
        paper.picture(f"pictures/{step.file}.svg", x + 19, y + 1.2, 21)
        shift = (59 - 9 - paper.width(step.title, 17)) / 2
        paper.titled(x + shift, y + 24.5, number + 1, step.title, 17)
        paper.text(x + 4, y + 33.5, step.text, 12, wide=51, align="C", lines=2)
    paper.foot((12, 272, 186), 13.5, sheet.words.dies, _IF_NOT, telephone=True)


def _card(paper: _Paper) -> None:
    if not paper.sheet.two_up:
        paper.page(A6)
        _front(paper)
        paper.page(A6)
        _back(paper)
        return
    paper.page(A4)
    for row in range(2):
        paper.top = row * 148.5
        paper.left = 0
        _front(paper)
        paper.left = 105
        _back(paper)
    paper.left = paper.top = 0
    paper.rule(0, 148.5, 210, 148.5, line=_GREY, dash=2)
    paper.rule(105, 0, 105, 297, line=_GREY, dash=0.6)
    for x, y, words in ((49, 146.7, _CUT), (102, 2.5, _FOLD), (102, 290, _FOLD)):
        paper.box(x, y, 7, 3.6, fill=_WHITE)
        paper.text(x, y, words, 8, wide=7, align="C", colour=_SOFT, leading=1.28)


def _front(paper: _Paper) -> None:
    sheet = paper.sheet
    if not paper.official:
        paper.disc(52.5, 80, 41, _SUN)
    paper.brand(6, 6, 8)
    paper.whose(99, 6, 7.5, 11, long=False)
    y = 16 + paper.practice(6, 16, 93, 6.5, 10) + 1.5
    y += paper.text(6, y, sheet.facility.name, 16, wide=93, align="C", bold=True, lines=2, leading=1.3) + 2
    y += paper.framed(52.5, y, sheet.width, 10) + 1.5
    lines = 2 if y < 121 else 1  # noqa: PLR2004 - two lines end above the rule at 131 mm
    lead = ("\n" if lines > 1 else "").join((_WITH_CAMERA, sheet.words.leads))
    paper.text(6, y, lead, 11, wide=93, align="C", lines=lines, leading=1.35)
    paper.foot((6, 131, 93), 9.5, sheet.words.card_dies, sheet.words.not_the_other, telephone=False)


def _back(paper: _Paper) -> None:
    sheet = paper.sheet
    paper.text(6, 6, _WAYS_BACK, 13, bold=True)
    if sheet.practice:
        paper.box(83, 6, 16, 6.5, line=_BROWN, fill=_NOTE, weight=0.4, dash=1)
        paper.text(83, 6.6, _PRACTICE, 11, wide=16, align="C", bold=True)
    y = 14.0
    for way in PHONE.ways_back:
        paper.box(6, y, 93, 18, line=_GREY, fill=_WHITE, radius=4)
        paper.picture(f"pictures/{way.picture}.svg", 9, y + 2, 14)
        paper.text(27, y + 1, way.phone, 11, bold=True)
        paper.text(27, y + 6.3, way.text, 10, wide=70)
        paper.text(27, y + 11.5, way.also, 9, wide=70, colour=_SOFT)
        y += 20
    paper.text(6, y, _DONTS, 13, bold=True)
    y += 8
    for dont in PHONE.donts:
        paper.picture("pictures/print-dont.svg", 7, y + 3, 6)
        paper.text(17, y, dont.title, 11.5, wide=82, bold=True)
        paper.text(17, y + 5.6, dont.text, 9.5, wide=82)
        y += 13
    paper.text(6, y, f"{_OFFICIAL_PAGE} {PHONE.official}", 8, wide=93, colour=_SOFT)
    paper.rule(6, 122, 99, 122, line=paper.line, weight=0.5)
    paper.text(6, 126, _IN_TROUBLE, 11)
    paper.text(36, 123, sheet.facility.telephone, 18, wide=63, align="R", bold=True)
    paper.text(6, 132, sheet.facility.name, 9.5, wide=60)
    paper.text(66, 132, sheet.hours, 9, wide=33, align="R")
    paper.text(6, 137.5, f"{sheet.words.name}・{sheet.edition}・{_TAIL} {sheet.tail}", 8, wide=93, colour=_SOFT)


def _labels(paper: _Paper) -> None:
    sheet = paper.sheet
    paper.page(A4)
    for place, printed in enumerate(sheet.places):
        if printed:
            paper.left, paper.top = place % COLUMNS * 70.0, place // COLUMNS * 37.125
            _label(paper)
    paper.left = paper.top = 0


def _label(paper: _Paper) -> None:
    sheet, x, wide = paper.sheet, 35.4, 30.6
    paper.code(sheet.code, 1, (37.125 - sheet.width) / 2, sheet.width)
    tag = paper.width(sheet.words.name, 7.6) + 3
    paper.box(x, 4.2, tag, 4.2, line=paper.line, fill=_INK if paper.official else None, weight=0.35, radius=1.2)
    paper.text(x, 4.4, sheet.words.name, 7.6, wide=tag, align="C", bold=True, colour=_WHITE if paper.official else _INK)
    if sheet.practice:
        paper.box(x + wide - 9, 4.2, 9, 4.2, line=_BROWN, fill=_NOTE, weight=0.3, dash=0.8)
        paper.text(x + wide - 9, 4.4, _PRACTICE, 7.5, wide=9, align="C", bold=True)
    paper.text(x, 8.8, "\n".join(sheet.facility.name_parts), 7.4, wide=wide, bold=True, lines=2, leading=1.25)
    paper.text(x, 15.2, _DEVICE, 6, colour=_SOFT)
    paper.rule(x, 20.4, x + wide, 20.4, line=_SOFT, weight=0.25)
    lines = (
        f"{sheet.edition}　{sheet.day}",
        f"{sheet.host} {_TAIL} {sheet.tail}",
        f"{_TELEPHONE} {sheet.facility.telephone}",
    )
    for number, words in enumerate(lines):
        paper.text(x, 20.9 + number * 3.2, words, 6.8, wide=wide, leading=1.28)
    paper.text(x, 30.4, sheet.words.short_dies, 6.4, wide=wide, bold=True)


def _setup(paper: _Paper) -> None:
    sheet = paper.sheet
    paper.page(A4)
    paper.brand(12, 8, 9)
    paper.whose(198, 8, 8, 11.5)
    y = 18.5 + paper.practice(12, 18.5, 186, 6.5, 10) + 1
    paper.text(12, y, sheet.title, 22, bold=True, leading=1.2)
    paper.text(12, y + 10, sheet.facility.name, 11.5, wide=110)
    for number, words in enumerate((_DEVICE, _PREPARED)):
        paper.text(126, y + number * 8 + 1.5, words, 9, colour=_SOFT)
        paper.rule(126, y + number * 8 + 8, 198, y + number * 8 + 8, line=_INK)
    y += 18.5
    heights = [_step_height(paper, number) for number in range(len(PHONE.steps))]
    gap = min(4.0, (272.6 - y - sum(heights)) / len(heights))
    for number, high in enumerate(heights):
        _step(paper, number, y, high)
        y += high + gap
    paper.foot((12, 274, 186), 12, sheet.words.dies, _IF_NOT, telephone=True)
    seen = PHONE.checked_on
    source = f"{_OFFICIAL_PAGE} {PHONE.official}（{seen.year}年{seen.month}月{seen.day}日に確認）"
    paper.text(12, 288, source, 8, wide=186, colour=_SOFT)


def _said(number: int) -> list[str]:
    step = PHONE.steps[number]
    app = [NAMES.app_with_former] if step.id == "app" else []
    return app + [f"【{line.phone}】{line.text}" if line.phone else line.text for line in step.lines]


def _room(paper: _Paper, number: int) -> float:
    """Return how wide the words of a step may be, beside its codes."""
    beside = {"app": 80.0, "read": paper.sheet.width + 10}.get(PHONE.steps[number].id, 0.0)
    return 147 - beside


def _step_height(paper: _Paper, number: int) -> float:
    step = PHONE.steps[number]
    code_high = {"app": STORE_ROOM.wanted + 9, "read": paper.frame_height(paper.sheet.width, 11) + 2.4}
    return max(_words_height(paper, number) + 2.5, code_high.get(step.id, 0.0), 14.5)


def _words_height(paper: _Paper, number: int) -> float:
    rows = sum(paper.rows(words, _WORDS, _room(paper, number)) for words in _said(number))
    return 14 * _POINT * 1.45 + rows * _WORDS * _POINT * 1.4


def _step(paper: _Paper, number: int, y: float, high: float) -> None:
    step = PHONE.steps[number]
    paper.box(12, y, 186, high, line=_GREY, fill=_WHITE, radius=4)
    paper.box(15, y + high / 2 - 3.25, 6.5, 6.5, line=_INK, weight=0.5)
    paper.picture(f"pictures/{step.picture}.svg", 24, y + high / 2 - 7, 14)
    wide = _room(paper, number)
    at = y + (high - _words_height(paper, number)) / 2
    at += paper.titled(42, at, number + 1, step.title, 14)
    for line, words in enumerate(_said(number)):
        bold = (step.id == "app" and line == 0) or (step.lines[line - (step.id == "app")].alert)
        at += paper.text(42, at, words, _WORDS, wide=wide, bold=bold, lines=9, leading=1.4)
    if step.id == "app":
        for place, store in enumerate(PHONE.stores):
            x = 198 - 80 + place * 39.5
            paper.code(code(store.url), x, y + 0.5, STORE_ROOM.wanted)
            paper.text(x, y + 36, f"{store.phone}　{store.name}", 9.5, wide=37, align="C", bold=True)
            paper.text(x, y + 40.5, store.needs, 8, wide=37, align="C")
    elif step.id == "read":
        paper.framed(198 - 5 - paper.sheet.width / 2, y + 2, paper.sheet.width, 11)
