"""The patient's copies as the office prints them and calls them back."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.ports.office import Copies, Worklist
from app.rules.record.evidence import Event, EventType
from app.rules.station.account import Access
from app.rules.visit.copy import REVIEW, Copy, grouped, known_as, new_letters
from app.rules.visit.standing import compared, has_copy, truth
from app.rules.words.languages import BY_CODE, EASY, OFFICIAL
from app.tokens import new_secret
from app.web.kit.pages import Look
from app.web.kit.qr_codes import drawn_once
from app.web.office.desk import Caller, Desk, OfficeRoute
from app.web.office.worklist import followed_by
from app.web.print.code_size import COPY


@dataclass(frozen=True)
class CopyDesk:
    """Prints copies and calls them back."""

    desk: Desk
    worklist: Worklist
    copies: Copies

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("POST", "/office/visits/{visit}/copy", Access.STAFF, self.copy),
            OfficeRoute("POST", "/office/visits/{visit}/copy/{copy}/call-back", Access.STAFF, self.call_back),
        ]

    async def copy(self, caller: Caller) -> Response:
        """Issue a copy and show it for printing, once: the store has only the hash of its letters."""
        followed, secret, now = await followed_by(self.worklist, caller), new_letters(), self.desk.clock.now()
        if not has_copy(followed.visit):
            raise HTTPException(404)
        copy = Copy(
            new_secret(), caller.facility, followed.visit.id, known_as(secret), now, caller.officer.account.name
        )
        if not await self.copies.issue(copy, _about(copy, EventType.COPIED, caller, now), caller.key):
            return self.desk.go(f"/office/visits/{followed.visit.id}?copied=again#copies")
        language = BY_CODE.get(caller.sent.get("language", ""), OFFICIAL)
        look = Look("m", caller.sent.get("furigana") == "on", language, is_patients=True)
        address = f"{self.desk.origin}{REVIEW}"
        code = drawn_once(f"{address}#{secret}")
        sheet = self.desk.pages.html(
            "copy/on-paper.html",
            look,
            facility=caller.officer.facility,
            visit=followed.visit,
            followed=followed,
            truth=truth(followed.visit, followed.sight),
            compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
            head=await self.desk.store.head(caller.facility),
            code=code.svg(COPY.width(code)),
            letters=grouped(secret),
            copy_code=copy.code,
            address=address,
            printed_at=now,
        )
        return self.desk.page(
            caller,
            "copy.html",
            visit=followed.visit,
            sheet=Markup(sheet),  # noqa: S704 - a page of ours
            language=language,
            is_large=language is EASY,  # its sentences are short and its names long: they fill a larger sheet
            has_readings=look.has_readings,
        )

    async def call_back(self, caller: Caller) -> Response:
        """Call a copy back; where it is open, the next request is refused."""
        followed, now = await followed_by(self.worklist, caller), self.desk.clock.now()
        for each in await self.copies.of(caller.facility, followed.visit.id):
            if each.id == caller.request.path_params["copy"]:
                await self.copies.call_back(each, _about(each, EventType.COPY_CALLED_BACK, caller, now))
        return self.desk.go(f"/office/visits/{followed.visit.id}#copies")


def _about(copy: Copy, kind: EventType, caller: Caller, now: int) -> Event:
    return Event(kind, now, {"by": caller.officer.account.id, "receipt": copy.id})
