"""The patient's leaflet on paper: one A4 side in every language, in large print, with a code that is read."""

from __future__ import annotations

from typing import Final

import pytest

from app.web.kit.qr_codes import MODULE, TooLong
from tests.web.print.desk import ENTRY, Press, every_leaflet, every_sheet, html, leaflet, stressed_leaflets
from tests.web.print.test_decoding import A4, DECODERS, DPI, around, info, places
from tests.web.print.wear import WEARS

EVERY: Final = every_leaflet()
STRESSED: Final = stressed_leaflets()
WORN: Final = ("leaflet-ja", "leaflet-zh-Hans")
"""The shortest address and the longest."""


@pytest.mark.browser
@pytest.mark.parametrize("name", [*EVERY, *STRESSED])
def test_it_is_one_side_in_large_print_and_its_code_is_read(press: Press, name: str) -> None:
    of = {**EVERY, **STRESSED}[name]
    made = press.printed(name, of)
    assert [pytest.approx(each, abs=0.5) for each in info(made.pdf)] == [A4]
    assert made.overflowing == []
    assert made.small == []
    assert made.moved == [], "what is seen is what is printed"
    assert made.complaints == [], "the policy blocks something, or a file is missing"
    ((url, where),) = places(made.pdf).items()
    assert (url.decode(), len(where)) == (of.url, 1)
    side = where[0][-1] * of.code.whole / of.code.across
    assert side == pytest.approx(of.width, rel=0.02)
    assert side > 30
    assert where[0][-1] / of.code.across > MODULE * 0.98


@pytest.mark.browser
@pytest.mark.parametrize("name", WORN)
def test_it_is_read_when_it_is_worn(press: Press, name: str) -> None:
    of, pdf = EVERY[name], press.printed(name, EVERY[name]).pdf
    place = places(pdf)[of.url.encode()][0]
    unread = []
    for dpi in DPI:
        picture, code, module = around(pdf, place, dpi, of.code.across)
        for wear, worn in WEARS.items():
            after = worn(picture, code, module)
            unread += [
                f"{by}: {wear}, {dpi} dpi" for by, read in DECODERS.items() if of.url.encode() not in read(after)
            ]
    assert unread == []


@pytest.mark.browser
def test_what_is_too_much_or_too_small_is_noticed(press: Press) -> None:
    much = press.printed("leaflet-too-much", leaflet(items=EVERY["leaflet-ja"].items * 3))
    assert much.overflowing
    assert press.printed("entry-card", every_sheet()["entry-card"]).small


@pytest.mark.parametrize("name", EVERY)
def test_its_code_opens_the_same_to_read_in_its_own_language(name: str) -> None:
    of = EVERY[name]
    expected = "" if of.language.is_official else f"?language={of.language.code}"
    assert of.url == f"{of.address}/before{expected}"
    assert (of.host, of.tail, of.edition) == ("kazasu.example", ENTRY[-4:], "第3版"), "as on every paper of its entry"
    assert of.width >= 40


def test_an_address_that_is_too_long_is_refused_with_its_reason() -> None:
    of = leaflet(address="https://a.example/" + "x" * 200)
    with pytest.raises(TooLong):
        _ = of.width
    assert f"{of.longest}文字まで" in html(of)
