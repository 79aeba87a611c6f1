"""Prints: sheets, the code as a picture, and the list of prints that are valid or to be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.rules.content import ITEMS
from app.rules.station.account import IDLE, Access
from app.rules.station.station import Printed
from app.rules.visit.consent import in_force
from app.rules.words.dates import day_of, format_time
from app.rules.words.digits import has_my_number
from app.rules.words.languages import BY_CODE, EASY, OFFICIAL
from app.tokens import BadToken, Sealed, new_secret
from app.web.kit.qr_codes import code
from app.web.office.desk import Caller, Desk, OfficeRoute
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


@dataclass(frozen=True)
class Prints:
    """The pages of prints."""

    desk: Desk
    sheets: Sheets

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/prints", Access.STAFF, self.all),
            OfficeRoute("POST", "/office/prints/replaced", Access.STAFF, self.replaced),
            OfficeRoute("GET", "/office/prints/{which}/code.png", Access.STAFF, self.png),
            OfficeRoute("GET", "/office/prints/{which}/{kind}", Access.STAFF, self.sheet),
            OfficeRoute("POST", "/office/prints/{which}/{kind}", Access.STAFF, self.print),
            OfficeRoute("GET", LEAFLET, Access.STAFF, self.leaflet),
            OfficeRoute("POST", LEAFLET, Access.STAFF, self.print_leaflet),
        ]

    async def all(self, caller: Caller) -> Response:
        """Show what can be printed, and what was."""
        asked = caller.request.query_params
        only = asked.get("only", "") if asked.get("only", "") in _ONLY else ""
        found = await self.desk.office.prints(
            caller.facility,
            only=only,
            before=_behind(asked.get("before", "")),
            limit=_PAGE + 1,
        )
        page = found[:_PAGE]
        official = await self.desk.office.officials(caller.facility, limit=1)
        return self.desk.page(
            caller,
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

    async def replaced(self, caller: Caller) -> Response:
        """Record that an invalid print was taken down."""
        await self.desk.office.replaced(caller.facility, caller.sent.get("printed", ""), self.desk.clock.now())
        return self.desk.go("/office/prints?only=dead")

    # --- sheets -----------------------------------------------------------------------------------------------

    async def sheet(self, caller: Caller) -> Response:
        """Show a sheet as it prints."""
        return self._sheet_shown(caller, await self._sheet(caller, caller.request.query_params))

    def _sheet_shown(self, caller: Caller, sheet: Sheet, *, wrong: str = "") -> Response:
        bar = self._bar(caller, f"/office/prints/{sheet.which.value}", wrong)
        return self.sheets.page(caller.request, sheet, status=422 if wrong else 200, office=bar)

    async def print(self, caller: Caller) -> Response:
        """Record how many are printed, and redirect to the sheet, which opens the browser's print dialogue."""
        sheet = await self._sheet(caller, caller.sent)
        if not await self._keep(caller, sheet.which, sheet.revision, sheet.kind.value):
            return self._sheet_shown(caller, sheet, wrong=_NO_NUMBER)
        query = f"&start={sheet.start}" if sheet.kind is SheetKind.LABELS else ""
        return self.desk.go(f"/office/prints/{sheet.which.value}/{sheet.kind.value}?now=1{query}")

    async def _keep(self, caller: Caller, which: Which, revision: int, kind: str) -> bool:
        """Record how many are printed; False if the form's number is not 1 to 999."""
        copies = caller.sent.get("copies", "1")
        if not (copies.isascii() and copies.isdigit() and 1 <= int(copies[:4]) <= _MOST and len(copies) <= 3):  # noqa: PLR2004
            return False
        now, by = self.desk.clock.now(), caller.officer.account.name
        printed = Printed(new_secret(), caller.facility, which.value, revision, kind, int(copies), now, by)
        await self.desk.office.print(printed)
        return True

    # --- the patient's leaflet ------------------------------------------------------------------------------

    async def leaflet(self, caller: Caller) -> Response:
        """Show the leaflet as it prints, in the requested language."""
        return self._leaflet_shown(caller, await self._leaflet(caller, caller.request.query_params))

    def _leaflet_shown(self, caller: Caller, leaflet: Leaflet, *, wrong: str = "") -> Response:
        bar = {**self._bar(caller, "/office", wrong), "here": _address_of(leaflet)}
        return leaflet_page(self.desk.pages, caller.request, leaflet, status=422 if wrong else 200, office=bar)

    async def print_leaflet(self, caller: Caller) -> Response:
        """Record how many are printed, and redirect to the leaflet, which opens the browser's print dialogue."""
        leaflet = await self._leaflet(caller, caller.sent)
        if not await self._keep(caller, Which.ENTRY, leaflet.revision, kind_of(leaflet.language)):
            return self._leaflet_shown(caller, leaflet, wrong=_NO_NUMBER)
        return self.desk.go(f"{_address_of(leaflet)}&now=1")

    async def _leaflet(self, caller: Caller, asked: Mapping[str, str]) -> Leaflet:
        """Return the requested leaflet; in easy Japanese, furigana is on by default."""
        language, now = BY_CODE.get(asked.get("language", ""), OFFICIAL), self.desk.clock.now()
        entry = (await self.desk.office.links(caller.facility, limit=1))[0]
        return Leaflet(
            facility=caller.officer.facility,
            address=f"{self.desk.origin}/f/{entry.token}",
            revision=entry.revision,
            issued_at=now,
            items=in_force(ITEMS, now),
            language=language,
            furigana=asked.get("furigana", "1" if language is EASY else "0") == "1",
            hours=(await self.desk.office.station(caller.facility)).hours,
        )

    def _bar(self, caller: Caller, address: str, wrong: str) -> dict[str, Any]:
        """Return the values of the bar above a sheet; what looks like a My Number is not shown again."""
        copies = caller.sent.get("copies", "1")
        return {
            "wrong": wrong,
            "copies": "" if has_my_number(copies) else copies,
            "form_fields": Markup(self.desk.form_fields(caller.request, caller.officer)),  # noqa: S704 - our own field
            "print_now": "now" in caller.request.query_params,
            "address": address,
            "here": caller.request.url.path,
            "idle": IDLE,
        }

    # --- the code alone --------------------------------------------------------------------------

    async def png(self, caller: Caller) -> Response:
        """Answer the code alone as PNG."""
        which, url, revision = await self._address(caller)
        name = f"kazasu-{which.value}-{revision}.png"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(code(url).png(_PIXELS), media_type="image/png", headers=headers)

    async def _sheet(self, caller: Caller, asked: Mapping[str, str]) -> Sheet:
        kind = caller.request.path_params["kind"]
        which, url, revision = await self._address(caller)
        found = next((each for each in KINDS[which] if each.value == kind), None)
        if found is None:
            raise HTTPException(404)
        return Sheet(
            kind=found,
            which=which,
            facility=caller.officer.facility,
            address=url,
            revision=revision,
            issued_on=day_of(self.desk.clock.now()),
            practice=bool(self.desk.practice),
            hours=(await self.desk.office.station(caller.facility)).hours,
            start=_place(asked.get("start", "")),
        )

    async def _address(self, caller: Caller) -> tuple[Which, str, int]:
        which = caller.request.path_params["which"]
        if which == Which.ENTRY.value:
            entry = (await self.desk.office.links(caller.facility, limit=1))[0]
            return Which.ENTRY, f"{self.desk.origin}/f/{entry.token}", entry.revision
        official = await self.desk.office.officials(caller.facility, limit=1) if which == Which.OFFICIAL.value else ()
        if not official:
            raise HTTPException(404)
        try:
            return Which.OFFICIAL, self.desk.sealer.open(Sealed.ADDRESS, official[0].sealed), official[0].revision
        except BadToken as error:  # its key was removed: the address must be entered again
            raise HTTPException(404) from error


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
