"""Sheets to look at, and Chromium to print them: without a server, under the real policy."""

from __future__ import annotations

import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, Final, Self
from urllib.parse import urlsplit

from playwright.sync_api import Page, Route, sync_playwright
from starlette.requests import Request

from app.rules.content import ITEMS
from app.rules.station.station import Station
from app.rules.visit.consent import in_force
from app.rules.words.languages import BY_CODE, LANGUAGES
from app.web.kit.assets import Assets
from app.web.kit.guard import policy
from app.web.kit.pages import Pages
from app.web.print.leaflet import Leaflet
from app.web.print.leaflet import page as leaflet_page
from app.web.print.sheets import Sheet, SheetKind, Sheets, Which

STATIC: Final = Path(__file__).parents[3] / "static"
ASSETS: Final = Assets(STATIC)
PAGES: Final = Pages(ASSETS, practice=True)
SHEETS: Final = Sheets(PAGES)
HINATAZAKA: Final = Station("hinatazaka", "ひなた坂訪問看護ステーション", "9960000009", "03-0000-0000")
ENTRY: Final = "https://kazasu.example/f/8h3kq2m49xtz"
OFFICIAL_SHORT: Final = "https://zaitaku.example/k/Ab3Cd9Ef2Gh7Kp5"
OFFICIAL_LONG: Final = "https://zaitaku.example/reception?facility=" + ("a7Kp-2Qx_9Zt" * 20)[:213]
"""256 characters: as long as an address may be."""
_ORIGIN: Final = "http://desk.example"


def sheet(kind: SheetKind, which: Which, **more: Any) -> Sheet:
    """Return an ordinary sheet; `more` changes it."""
    official = OFFICIAL_SHORT if kind is SheetKind.LABELS else OFFICIAL_LONG
    url = ENTRY if which is Which.ENTRY else official
    given: dict[str, Any] = {
        "facility": HINATAZAKA,
        "address": url,
        "revision": 3,
        "issued_on": date(2026, 11, 22),
        "practice": True,
    }
    return Sheet(kind, which, **{**given, "hours": "月〜金 9〜18時", **more})


def every_sheet() -> dict[str, Sheet]:
    """Return each kind for each address, and two cards on one A4."""
    found = {f"{which}-{kind}": sheet(kind, which) for which in Which for kind in SheetKind}
    return found | {f"{which}-two": sheet(SheetKind.CARD, which, two_up=True) for which in Which}


LONG_NAME: Final = Station(
    "long",
    "社会医療法人財団ひなた坂記念会みどりが丘総合訪問看護ステーション桜並木サテライト",
    "9960000009",
    "0120-000-0000",
)
LONG_HOST: Final = "https://kazasu.kunren.midorigaoka-houmonkango.example.jp/f/8h3kq2m49xtz"


def stressed_sheets() -> dict[str, Sheet]:
    """Return sheets with names and addresses as long as they come, and without the strip of a practice."""
    kinds = {kind: LONG_HOST for kind in SheetKind if kind is not SheetKind.LABELS} | {
        SheetKind.LABELS: "https://kz.midorigaoka-hokan.jp/f/8h3kq2m49xt"
    }
    long = {f"long-{kind}": sheet(kind, Which.ENTRY, facility=LONG_NAME, address=url) for kind, url in kinds.items()}
    official = {f"long-official-{kind}": sheet(kind, Which.OFFICIAL, facility=LONG_NAME) for kind in SheetKind}
    real = {f"real-{kind}": sheet(kind, Which.ENTRY, practice=False, hours="") for kind in SheetKind}
    return long | official | real | {"long-two": sheet(SheetKind.CARD, Which.OFFICIAL, facility=LONG_NAME, two_up=True)}


_ISSUED: Final = 1_795_651_200


def leaflet(language: str = "ja", **more: Any) -> Leaflet:
    """Return an ordinary leaflet; `more` changes it."""
    given: dict[str, Any] = {
        "facility": HINATAZAKA,
        "address": ENTRY,
        "revision": 3,
        "issued_at": _ISSUED,
        "items": in_force(ITEMS, _ISSUED),
        "language": BY_CODE[language],
        "furigana": language == "ja-easy",
        "hours": "月〜金 9〜18時",
    }
    return Leaflet(**{**given, **more})


def every_leaflet() -> dict[str, Leaflet]:
    """Return the leaflet in each language, and in Japanese with its readings."""
    return {f"leaflet-{each.code}": leaflet(each.code) for each in LANGUAGES} | {
        "leaflet-readings": leaflet(furigana=True)
    }


def stressed_leaflets() -> dict[str, Leaflet]:
    """Return each of them with a name and an address as long as they come."""
    long: dict[str, Any] = {
        "facility": LONG_NAME,
        "address": LONG_HOST,
        "hours": "月〜金 9:00〜18:00、土 9:00〜12:00（祝日は休み）",
    }
    return {f"long-{name}": replace(each, **long) for name, each in every_leaflet().items()}


def request() -> Request:
    """Return what a browser of the office sends."""
    return Request({"type": "http", "method": "GET", "path": "/office/prints", "headers": [], "query_string": b""})


def html(of: Sheet | Leaflet, **more: Any) -> str:
    """Return the page as the browser gets it."""
    if isinstance(of, Leaflet):
        return bytes(leaflet_page(PAGES, request(), of, **more).body).decode()
    return bytes(SHEETS.page(request(), of, **more).body).decode()


@dataclass(frozen=True)
class Printed:
    """What Chromium made of a sheet."""

    pdf: bytes
    overflowing: list[str]
    """What is cut off, or lies over its neighbour's edge."""
    moved: list[str]
    """What lies elsewhere on the screen than on paper."""
    complaints: list[str] = field(default_factory=list)
    small: list[str] = field(default_factory=list)
    """What a patient reads in less than 14 pt."""


_OVERFLOWING: Final = """() => [...document.querySelectorAll('.kz-s, .kz-s *')].filter((part) => {
  const sheet = part.closest('.kz-s');
  const inside = (part.closest('.kz-s-labels > li') ?? sheet).getBoundingClientRect(), box = part.getBoundingClientRect();
  const out = box.left < inside.left - 1 || box.right > inside.right + 1 || box.top < inside.top - 1 || box.bottom > inside.bottom + 1;
  const cut = !part.closest('svg') && (part.scrollWidth > part.clientWidth + 2 || part.scrollHeight > part.clientHeight + 2)
    && getComputedStyle(part).overflow !== 'visible' && !part.matches('.kz-s-poster');
  return (part !== sheet && out) || cut;
}).map((part) => part.outerHTML.slice(0, 120))"""
_SMALL: Final = """() => {
  const texts = document.createTreeWalker(document.querySelector('.kz-s'), NodeFilter.SHOW_TEXT), found = [];
  while (texts.nextNode()) {
    const around = texts.currentNode.parentElement, said = texts.currentNode.data.trim();
    const is_the_offices = around.closest('.kz-s-small, .kz-s-practice, figcaption > span, small[lang=ja]');
    if (said && !around.closest('rt, rp, svg') && !is_the_offices && parseFloat(getComputedStyle(around).fontSize) < 18.6)
      found.push(said.slice(0, 30));
  }
  return found;
}"""
_PLACES: Final = """() => [...document.querySelectorAll('.kz-s')].flatMap((sheet) => {
  const from = sheet.getBoundingClientRect();
  return [...sheet.querySelectorAll(':not(rp)')].map((part) => {
    const box = part.getBoundingClientRect();
    return [part.className.toString() || part.tagName, box.left - from.left, box.top - from.top, box.width, box.height].map(
      (value) => typeof value === 'number' ? Math.round(value) : value).join(' ');
  });
})"""


class Press:
    """Prints with Chromium, in a thread of its own: another test may hold a browser open in this one.

    Each sheet is printed once, when it is first asked for; workers share the folder where it is kept.
    """

    def __init__(self, kept: Path) -> None:
        """Keep where to put what was printed."""
        self._kept = kept
        kept.mkdir(exist_ok=True)
        self._alone = ThreadPoolExecutor(1)
        self._open = ExitStack()
        self._complaints: list[str] = []
        self._sheets: dict[str, Sheet | Leaflet] = {}
        self._page: Page | None = None

    def __enter__(self) -> Self:
        """Begin; the browser is opened when there is something to print."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the browser, in its own thread."""
        self._alone.submit(self._open.close).result()
        self._alone.shutdown()

    def printed(self, name: str, of: Sheet | Leaflet) -> Printed:
        """Return what Chromium made of a sheet."""
        file = self._kept / name
        if not file.exists():
            made = self._alone.submit(self._print, name, of).result()
            with NamedTemporaryFile(dir=self._kept, delete=False) as whole:
                pickle.dump(made, whole)
            Path(whole.name).rename(file)
        found: Printed = pickle.loads(file.read_bytes())  # noqa: S301 - written just above, by this run of the tests
        return found

    def _print(self, name: str, of: Sheet | Leaflet) -> Printed:
        self._sheets[name] = of
        self._page = self._page or self._opened()
        return _print(self._page, name, self._complaints)

    def _opened(self) -> Page:
        chromium = shutil.which("chromium")
        assert chromium, "Chromium is needed: `make needs` says how to get it"
        driver = self._open.enter_context(sync_playwright())
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        self._open.callback(browser.close)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="ja-JP")
        page.route("**/*", self._answer)
        page.on("console", lambda message: self._complaints.append(message.text))
        return page

    def _answer(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/sheet/"):
            route.fulfill(
                body=html(self._sheets[path.removeprefix("/sheet/")]),
                headers={
                    "Content-Type": "text/html; charset=utf-8",
                    "Content-Security-Policy": policy(PAGES.entry_sheet_hash),
                },
            )
        elif asset := ASSETS._by_url.get(path):
            route.fulfill(body=asset.content, content_type=asset.type)
        else:
            self._complaints.append(f"not there: {path}")
            route.fulfill(status=404)


_ASTRAY: Final = """() => [...document.querySelectorAll('.kz-s ruby')].filter((ruby) => {
  const range = document.createRange();
  range.selectNodeContents(ruby.firstChild);
  const word = range.getBoundingClientRect(), reading = ruby.querySelector('rt').getBoundingClientRect();
  const middle = (box) => box.left + box.width / 2;
  return reading.bottom > word.top + word.height / 3 || Math.abs(middle(reading) - middle(word)) > 5;
}).map((ruby) => `not above its word: ${ruby.textContent}`)"""


_SNAP: Final = 6
"""Pixels by which a sheet with readings may differ: each line of them snaps to a whole one, on paper to another."""


def _print(page: Page, name: str, complaints: list[str]) -> Printed:
    complaints.clear()
    page.goto(f"{_ORIGIN}/sheet/{name}", wait_until="load")
    seen = page.evaluate(_PLACES)
    page.emulate_media(media="print")
    laid = page.evaluate(_PLACES)
    overflowing, small = page.evaluate(_OVERFLOWING) + page.evaluate(_ASTRAY), page.evaluate(_SMALL)
    pdf = page.pdf(prefer_css_page_size=True)
    page.emulate_media(media="screen")
    snap = _SNAP if any(part.startswith("RT ") for part in seen) else 0
    moved = [f"{a} / {b}" for a, b in zip(seen, laid, strict=True) if _is_elsewhere(a, b, snap)]
    return Printed(pdf, overflowing, moved, list(complaints), small)


def _is_elsewhere(seen: str, laid: str, snap: int) -> bool:
    """Whether a part lies elsewhere by more pixels than readings move it."""
    (name, *here), (other, *there) = seen.rsplit(" ", 4), laid.rsplit(" ", 4)
    return name != other or any(abs(int(a) - int(b)) > snap for a, b in zip(here, there, strict=True))
