"""Prints: sheets, the code as a picture, and the list of prints that are valid or to be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Response
from markupsafe import Markup

from app.rules.content import ITEMS
from app.rules.station.station import Printed
from app.rules.visit.consent import in_force
from app.rules.words.dates import format_time
from app.rules.words.digits import has_my_number
from app.rules.words.languages import BY_CODE, EASY, OFFICIAL
from app.tokens import BadToken, Sealed, new_secret
from app.web.kit.qr_codes import code
from app.web.office.desk import COVERED_AFTER, Caller, Staff
from app.web.print.leaflet import Leaflet, kind_of
from app.web.print.leaflet import page as leaflet_page
from app.web.print.sheets import LABELS, TITLES, Sheet, SheetKind, Sheets, Which

KINDS: Final = {
    Which.ENTRY: (SheetKind.POSTER, SheetKind.CARD, SheetKind.LABELS, SheetKind.SETUP),
    Which.OFFICIAL: (SheetKind.POSTER, SheetKind.CARD),
}
_PAPER: Final = {
    SheetKind.POSTER: "A4。事業所の壁に",
    SheetKind.CARD: "A6。両面",
    SheetKind.LABELS: "A4に24枚",
    SheetKind.SETUP: "A4。スマホを渡すときに",
}
KIND_NAMES: Final = {kind: (TITLES[kind], paper) for kind, paper in _PAPER.items()}
WHICH_NAMES: Final = {Which.ENTRY: "かざすの入口", Which.OFFICIAL: "公式のURL"}
LEAFLET: Final = "/office/leaflet"
_PAGE: Final = 30
_MOST: Final = 999
_NO_NUMBER: Final = f"枚数は、半角の数字で1〜{_MOST}にしてください"
_ONLY: Final = {"live": "使えるもの", "dead": "差し替えるもの", "": "すべて"}
_PIXELS: Final = 16

router = APIRouter()


@router.get("/office/prints")
async def show_all(caller: Staff) -> Response:
    """Show what can be printed, and what was."""
    asked = caller.request.query_params
    only = asked.get("only", "") if asked.get("only", "") in _ONLY else ""
    before = _behind(asked.get("before", ""))
    found = await caller.desk.office.prints(caller.facility, only=only, before=before, limit=_PAGE + 1)
    page = found[:_PAGE]
    official = await caller.desk.office.officials(caller.facility, limit=1)
    return caller.page(
        "prints.html",
        only=only,
        older_page="before" in asked,
        choices=_ONLY,
        prints=[(each, lives, format_time(each.at), format_time(each.replaced_at)) for each, lives in page],
        older=f"{page[-1][0].at}.{page[-1][0].id}" if len(found) > _PAGE else "",
        kinds=KINDS if official else {Which.ENTRY: KINDS[Which.ENTRY]},
        kind_names=KIND_NAMES,
        which_names=WHICH_NAMES,
        just_replaced="replaced" in asked,
    )


@router.post("/office/prints/replaced")
async def replaced(caller: Staff) -> Response:
    """Record that an invalid print was taken down."""
    await caller.desk.office.replaced(caller.facility, caller.sent.get("printed", ""), caller.now)
    return caller.go("/office/prints?only=dead")


# --- the code alone ---------------------------------------------------------------------------------------------------


@router.get("/office/prints/{which}/code.png")
async def png(caller: Staff, which: str) -> Response:
    """Answer the code alone as PNG."""
    leads_to, url, revision = await _address(caller, which)
    name = f"kazasu-{leads_to.value}-{revision}.png"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(code(url).png(_PIXELS), media_type="image/png", headers=headers)


async def _address(caller: Caller, which: str) -> tuple[Which, str, int]:
    if which == Which.ENTRY.value:
        entry = (await caller.desk.office.links(caller.facility, limit=1))[0]
        return Which.ENTRY, f"{caller.desk.origin}/f/{entry.token}", entry.revision
    official = await caller.desk.office.officials(caller.facility, limit=1) if which == Which.OFFICIAL.value else ()
    if not official:
        raise HTTPException(404)
    try:
        return Which.OFFICIAL, caller.desk.sealer.open(Sealed.ADDRESS, official[0].sealed), official[0].revision
    except BadToken as error:  # its key was removed: the address must be entered again
        raise HTTPException(404) from error


# --- sheets -----------------------------------------------------------------------------------------------------------


@router.get("/office/prints/{which}/{kind}")
async def show_sheet(caller: Staff, which: str, kind: str) -> Response:
    """Show a sheet as it prints."""
    return _sheet_shown(caller, await _sheet(caller, which, kind, caller.request.query_params))


def _sheet_shown(caller: Caller, sheet: Sheet, *, wrong: str = "") -> Response:
    bar = _bar(caller, f"/office/prints/{sheet.which.value}", wrong)
    return Sheets(caller.desk.pages).page(caller.request, sheet, status=422 if wrong else 200, office=bar)


@router.post("/office/prints/{which}/{kind}")
async def print_sheet(caller: Staff, which: str, kind: str) -> Response:
    """Record how many are printed, and redirect to the sheet, which opens the browser's print dialogue."""
    sheet = await _sheet(caller, which, kind, caller.sent)
    if not await _keep(caller, sheet.which, sheet.revision, sheet.kind.value):
        return _sheet_shown(caller, sheet, wrong=_NO_NUMBER)
    query = f"&start={sheet.start}" if sheet.kind is SheetKind.LABELS else ""
    return caller.go(f"/office/prints/{sheet.which.value}/{sheet.kind.value}?now=1{query}")


async def _sheet(caller: Caller, which: str, kind: str, asked: Mapping[str, str]) -> Sheet:
    leads_to, url, revision = await _address(caller, which)
    found = next((each for each in KINDS[leads_to] if each.value == kind), None)
    if found is None:
        raise HTTPException(404)
    return Sheet(
        kind=found,
        which=leads_to,
        facility=caller.officer.facility,
        address=url,
        revision=revision,
        issued_on=caller.today,
        practice=bool(caller.desk.practice),
        hours=(await caller.desk.office.station(caller.facility)).hours,
        start=_place(asked.get("start", "")),
    )


async def _keep(caller: Caller, which: Which, revision: int, kind: str) -> bool:
    """Record how many are printed; False if the form's number is not 1 to 999."""
    copies = caller.sent.get("copies", "1")
    if not (copies.isascii() and copies.isdigit() and 1 <= int(copies[:4]) <= _MOST and len(copies) <= 3):  # noqa: PLR2004
        return False
    printed = Printed(
        id=new_secret(),
        facility=caller.facility,
        which=which.value,
        revision=revision,
        kind=kind,
        copies=int(copies),
        at=caller.now,
        by=caller.officer.account.name,
    )
    await caller.desk.office.print(printed)
    return True


# --- the patient's leaflet --------------------------------------------------------------------------------------------


@router.get(LEAFLET)
async def show_leaflet(caller: Staff) -> Response:
    """Show the leaflet as it prints, in the requested language."""
    return _leaflet_shown(caller, await _leaflet(caller, caller.request.query_params))


def _leaflet_shown(caller: Caller, leaflet: Leaflet, *, wrong: str = "") -> Response:
    bar = {**_bar(caller, "/office", wrong), "here": _address_of(leaflet)}
    return leaflet_page(caller.desk.pages, caller.request, leaflet, status=422 if wrong else 200, office=bar)


@router.post(LEAFLET)
async def print_leaflet(caller: Staff) -> Response:
    """Record how many are printed, and redirect to the leaflet, which opens the browser's print dialogue."""
    leaflet = await _leaflet(caller, caller.sent)
    if not await _keep(caller, Which.ENTRY, leaflet.revision, kind_of(leaflet.language)):
        return _leaflet_shown(caller, leaflet, wrong=_NO_NUMBER)
    return caller.go(f"{_address_of(leaflet)}&now=1")


async def _leaflet(caller: Caller, asked: Mapping[str, str]) -> Leaflet:
    """Return the requested leaflet; in easy Japanese, furigana is on by default."""
    language, now = BY_CODE.get(asked.get("language", ""), OFFICIAL), caller.now
    entry = (await caller.desk.office.links(caller.facility, limit=1))[0]
    return Leaflet(
        facility=caller.officer.facility,
        address=f"{caller.desk.origin}/f/{entry.token}",
        revision=entry.revision,
        issued_at=now,
        items=in_force(ITEMS, now),
        language=language,
        furigana=asked.get("furigana", "1" if language is EASY else "0") == "1",
        hours=(await caller.desk.office.station(caller.facility)).hours,
    )


def _bar(caller: Caller, address: str, wrong: str) -> dict[str, Any]:
    """Return the values of the bar above a sheet; what looks like a My Number is not shown again."""
    copies = caller.sent.get("copies", "1")
    return {
        "wrong": wrong,
        "copies": "" if has_my_number(copies) else copies,
        "form_fields": Markup(caller.desk.form_fields(caller.request, caller.officer)),  # noqa: S704 - our own field
        "print_now": "now" in caller.request.query_params,
        "address": address,
        "here": caller.request.url.path,
        "idle": COVERED_AFTER,
    }


def _address_of(leaflet: Leaflet) -> str:
    return f"{LEAFLET}?language={leaflet.language.code}&furigana={int(leaflet.furigana)}"


def _place(text: str) -> int:
    """Return the first free place of a used sheet of labels; 1 for invalid text."""
    found = int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else 1  # noqa: PLR2004
    return found if 1 <= found <= LABELS else 1


def _behind(text: str) -> tuple[int, str] | None:
    """Parse the cursor of a page of prints: time and id of the print before it."""
    at, dot, which = text.partition(".")
    return (int(at), which) if dot and at.isascii() and at.isdigit() and len(at) <= 12 else None  # noqa: PLR2004
