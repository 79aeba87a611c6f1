"""The patient's copies as the office prints them and calls them back."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Response
from markupsafe import Markup

from app.rules.record.event import Event, EventType
from app.rules.visit.copy import REVIEW, Copy, grouped, known_as, new_letters
from app.rules.visit.standing import compared, has_copy, truth
from app.rules.words.languages import BY_CODE, EASY, OFFICIAL
from app.tokens import new_secret
from app.web.kit.pages import Look
from app.web.kit.parts import TheCopies, TheWorklist
from app.web.kit.qr_codes import drawn_once
from app.web.office.desk import Caller, Staff
from app.web.office.worklist import followed_by
from app.web.print.code_size import COPY

router = APIRouter(prefix="/office/visits/{visit}/copy")


@router.post("")
async def issue(caller: Staff, worklist: TheWorklist, copies: TheCopies, visit: str) -> Response:
    """Issue a copy and show it for printing, once: the store has only the hash of its letters."""
    followed, secret, now = await followed_by(caller, worklist, visit), new_letters(), caller.now
    if not has_copy(followed.visit):
        raise HTTPException(404)
    copy = Copy(
        id=new_secret(),
        facility=caller.facility,
        visit=followed.visit.id,
        hash=known_as(secret),
        made_at=now,
        by=caller.officer.account.name,
    )
    if not await copies.issue(copy, _about(copy, EventType.COPIED, caller, now), caller.key):
        return caller.go(f"/office/visits/{followed.visit.id}?copied=again#copies")
    language = BY_CODE.get(caller.sent.get("language", ""), OFFICIAL)
    look = Look("m", caller.sent.get("furigana") == "on", language, is_patients=True)
    is_long = language is EASY or look.has_readings  # easy Japanese has short sentences and long names
    address = f"{caller.desk.origin}{REVIEW}"
    code = drawn_once(f"{address}#{secret}")
    sheet = caller.desk.pages.html(
        "copy/on-paper.html",
        look,
        facility=caller.officer.facility,
        visit=followed.visit,
        followed=followed,
        truth=truth(followed.visit, followed.sight),
        compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
        head=await caller.desk.store.head(caller.facility),
        code=code.svg(COPY.width(code)),
        letters=grouped(secret),
        copy_code=copy.code,
        address=address,
        printed_at=now,
    )
    return caller.page(
        "copy.html",
        visit=followed.visit,
        sheet=Markup(sheet),  # noqa: S704 - a page of ours
        language=language,
        is_large=is_long or caller.sent.get("large") == "on",
        is_long=is_long,
        has_readings=look.has_readings,
    )


@router.post("/{copy}/call-back")
async def call_back(caller: Staff, worklist: TheWorklist, copies: TheCopies, visit: str, copy: str) -> Response:
    """Call a copy back; where it is open, the next request is refused."""
    followed = await followed_by(caller, worklist, visit)
    for each in await copies.of(caller.facility, followed.visit.id):
        if each.id == copy:
            await copies.call_back(each, _about(each, EventType.COPY_CALLED_BACK, caller, caller.now))
    return caller.go(f"/office/visits/{followed.visit.id}#copies")


def _about(copy: Copy, kind: EventType, caller: Caller, now: int) -> Event:
    return Event(kind, now, {"by": caller.officer.account.id, "receipt": copy.id})
