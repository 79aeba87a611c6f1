"""Browsers as they introduced themselves in 2025 and 2026, and what is certain about each."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web.kit.browsers import UNNAMED, Browser, recognise

APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"


class Known(NamedTuple):
    """One real user agent and what it says."""

    what: str
    said: str
    system: str
    version: tuple[int, ...]
    name: str
    in_app: str = ""


def iphone(rest: str, system: str = "18_6") -> str:
    return f"Mozilla/5.0 (iPhone; CPU iPhone OS {system} like Mac OS X) {APPLE} {rest}"


def android(rest: str, phone: str = "Android 10; K") -> str:
    return f"Mozilla/5.0 (Linux; {phone}) {BLINK} {rest}"


MAC = f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {APPLE} Version/26.0 Safari/605.1.15"
WINDOWS = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/141.0.0.0 Safari/537.36"
VIEW = "Android 14; SC-51E Build/UP1A.231005.007; wv"

TABLE = (
    Known("iOS 26", iphone("Version/26.0 Mobile/15E148 Safari/604.1"), "iphone", (26, 0), "safari"),
    Known("iOS 26.3", iphone("Version/26.3 Mobile/15E148 Safari/604.1", "18_7"), "iphone", (26, 3), "safari"),
    Known("iOS 18.6", iphone("Version/18.6 Mobile/15E148 Safari/604.1"), "iphone", (18, 6), "safari"),
    Known("iOS 16.3", iphone("Version/16.3 Mobile/15E148 Safari/604.1", "16_3_1"), "iphone", (16, 3, 1), "safari"),
    Known("iOS 16.4", iphone("Version/16.4 Mobile/15E148 Safari/604.1", "16_4"), "iphone", (16, 4), "safari"),
    Known("iOS 12", iphone("Version/12.1.2 Mobile/15E148 Safari/604.1", "12_5_7"), "iphone", (12, 5, 7), "safari"),
    Known("Chrome on iOS", iphone("CriOS/141.0.7390.41 Mobile/15E148 Safari/604.1"), "iphone", (18, 6), "chrome"),
    Known("Firefox on iOS", iphone("FxiOS/143.0 Mobile/15E148 Safari/605.1.15"), "iphone", (18, 6), "firefox"),
    Known(
        "Edge on iOS",
        iphone("Version/26.0 EdgiOS/140.0.3485.94 Mobile/15E148 Safari/604.1"),
        "iphone",
        (18, 6),
        "edge",
    ),
    Known(
        "DuckDuckGo on iOS",
        iphone("Version/18.6 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15"),
        "iphone",
        (18, 6),
        "other",
    ),
    Known("icon or an app", iphone("Mobile/15E148"), "iphone", (18, 6), "other"),
    Known("LINE on iOS", iphone("Mobile/15E148 Safari Line/15.16.0"), "iphone", (18, 6), "other", "LINE"),
    Known(
        "Instagram on iOS",
        iphone("Mobile/22G86 Instagram 398.0.0.31.77 (iPhone15,4; iOS 18_6; ja_JP; ja; scale=3.00; 1179x2556; 789)"),
        "iphone",
        (18, 6),
        "other",
        "Instagram",
    ),
    Known(
        "Facebook on iOS",
        iphone("Mobile/22G86 [FBAN/FBIOS;FBAV/530.0.0.50.71;FBBV/783;FBDV/iPhone16,1;FBMD/iPhone;FBSN/iOS;FBSV/18.6]"),
        "iphone",
        (18, 6),
        "other",
        "Facebook",
    ),
    Known(
        "Messenger on iOS",
        iphone("Mobile/22G86 [FBAN/MessengerForiOS;FBAV/525.0.0.49.107;FBBV/776]"),
        "iphone",
        (18, 6),
        "other",
        "Messenger",
    ),
    Known(
        "Google app on iOS",
        iphone("GSA/389.0.811331708 Mobile/15E148 Safari/604.1"),
        "iphone",
        (18, 6),
        "other",
        "Google",
    ),
    Known(
        "Yahoo! on iOS",
        iphone("Mobile/15E148 YJApp-IOS jp.co.yahoo.ipn.appli/4.199.0"),
        "iphone",
        (18, 6),
        "other",
        "Yahoo! JAPAN",
    ),
    Known("X on iOS", iphone("Mobile/15E148 Twitter for iPhone/11.30"), "iphone", (18, 6), "other", "X"),
    Known(
        "iPad as itself",
        f"Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) {APPLE} Version/26.0 Mobile/15E148 Safari/604.1",
        "ipad",
        (26, 0),
        "safari",
    ),
    Known("iPad as a Macintosh", MAC, "desktop", (), "safari"),
    Known("Chrome on Android", android("Chrome/141.0.0.0 Mobile Safari/537.36"), "android", (), "chrome"),
    Known(
        "old Chrome on Android",
        android("Chrome/96.0.4664.45 Mobile Safari/537.36", "Android 9; SOV39"),
        "android",
        (9,),
        "chrome",
    ),
    Known(
        "Android 10 that shows its model",
        android("Chrome/99.0.4844.58 Mobile Safari/537.36", "Android 10; SO-01L"),
        "android",
        (10,),
        "chrome",
    ),
    Known(
        "Android 8.1.0",
        android("Chrome/88.0.4324.93 Mobile Safari/537.36", "Android 8.1.0; F-04K"),
        "android",
        (8, 1, 0),
        "chrome",
    ),
    Known(
        "Samsung",
        android("SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36"),
        "android",
        (),
        "samsung",
    ),
    Known("Edge on Android", android("Chrome/140.0.0.0 Mobile Safari/537.36 EdgA/140.0.0.0"), "android", (), "edge"),
    Known("Opera on Android", android("Chrome/139.0.0.0 Mobile Safari/537.36 OPR/92.0.0.0"), "android", (), "other"),
    Known(
        "Firefox on Android",
        "Mozilla/5.0 (Android 15; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0",
        "android",
        (15,),
        "firefox",
    ),
    Known(
        "Firefox that keeps still",
        "Mozilla/5.0 (Android 10; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0",
        "android",
        (),
        "firefox",
    ),
    Known(
        "LINE on Android",
        android("Version/4.0 Chrome/140.0.7339.51 Mobile Safari/537.36 Line/15.15.1/IAB", VIEW),
        "android",
        (14,),
        "other",
        "LINE",
    ),
    Known(
        "Facebook on Android",
        android(
            "Version/4.0 Chrome/140.0.7339.51 Mobile Safari/537.36 [FB_IAB/FB4A;FBAV/530.0.0.48.74;]",
            "Android 10; K; wv",
        ),
        "android",
        (),
        "other",
        "Facebook",
    ),
    Known(
        "Google app on Android",
        android("Chrome/140.0.0.0 Mobile Safari/537.36 GSA/16.36.27.ve.arm64"),
        "android",
        (),
        "chrome",
        "Google",
    ),
    Known(
        "an app on Android 16",
        android("Version/4.0 Chrome/141.0.0.0 Mobile Safari/537.36", "Android 10; K; wv"),
        "android",
        (),
        "other",
        UNNAMED,
    ),
    Known("Windows", WINDOWS, "desktop", (), "chrome"),
    Known("Edge", f"{WINDOWS} Edg/141.0.0.0", "desktop", (), "edge"),
    Known(
        "Firefox",
        "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
        "desktop",
        (),
        "firefox",
    ),
    Known(
        "a phone that is neither",
        "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) like iPhone OS 7_0_3 Mac OS X "
        f"{BLINK} Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.14977",
        "unknown",
        (),
        "other",
    ),
    Known("a program", "python-httpx/0.28.1", "unknown", (), "other"),
    Known("nothing", "", "unknown", (), "other"),
)


@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.what)
def test_a_browser_is_recognised(known: Known) -> None:
    found = recognise(known.said)
    assert (found.system, found.version, found.name, found.in_app) == known[2:]


@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.what)
def test_nothing_is_said_of_a_version_that_is_not_certain(known: Known) -> None:
    found = recognise(known.said)
    assert not (found.is_older_than(11) and found.is_at_least(11))
    assert found.is_older_than(11) or found.is_at_least(11) or not found.version


def test_the_number_that_stands_still_is_still_at_least_that() -> None:
    app = recognise(iphone("Mobile/15E148 Safari Line/15.16.0", "18_7"))
    assert app.is_at_least(16, 4)
    assert not app.is_at_least(26)
    assert recognise(iphone("Version/26.1 Mobile/15E148 Safari/604.1")).is_at_least(26)


def test_a_reduced_android_is_neither_old_nor_new() -> None:
    chrome = recognise(android("Chrome/141.0.0.0 Mobile Safari/537.36"))
    assert not chrome.is_older_than(11)
    assert not chrome.is_at_least(11)
    assert recognise(android("Chrome/99.0.4844.58 Mobile Safari/537.36", "Android 10; SO-01L")).is_older_than(11)


@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.what)
def test_only_an_icon_or_an_unnamed_app_is_bare(known: Known) -> None:
    assert recognise(known.said).is_bare == (known.what == "icon or an app")


@pytest.mark.parametrize(
    "said",
    [
        "Linear/1.0",
        "Online/3",
        "iPhone OS 15_0",
        "Android",
        "(Android 999;)",
        "Instagramish 3",
        "Mobile/15E148 Liner/1",
    ],
)
def test_what_only_looks_like_it_is_not_taken_for_it(said: str) -> None:
    assert recognise(said) == Browser()


@given(st.text(max_size=300))
def test_anything_may_be_said(said: str) -> None:
    assert recognise(said).system in {"iphone", "ipad", "android", "desktop", "unknown"}


def test_a_long_header_is_read_no_further_than_it_may_be() -> None:
    assert recognise("x" * 2000 + iphone("Version/26.0 Mobile/15E148 Safari/604.1")) == Browser()
