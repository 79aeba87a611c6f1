"""The patient's copy: shows what was chosen and what became of it, and takes wishes to the station.

The letters of a copy are in the fragment of its code's address, so no request, log or referrer holds them; the page's
script sends them in a form. Without a script they are typed from the paper. Wrong, expired and called-back letters get
the same answer.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from app.ports.office import Act
from app.ports.outside import Unavailable
from app.ports.store import ReadOnly, Written
from app.rules.content import NAMES
from app.rules.record.event import Body, Event, EventType
from app.rules.station.station import Station
from app.rules.visit.copy import REVIEW, Copy, Wish, known_as, typed
from app.rules.visit.standing import Doubt, Followed, StandingWish, compared, truth
from app.rules.words.languages import BY_CODE, EASY
from app.tokens import MAX_AGE, BadToken, Purpose, new_secret
from app.web.bedside.seat import REVIEW_COOKIE, Bedside, Refusal, TheBedside
from app.web.copy.history import WISHES, happened
from app.web.kit.forms import fields
from app.web.kit.limits import RateLimit, network_of
from app.web.kit.pages import LOOK_COOKIE, Look
from app.web.kit.parts import TheConsents, ThisLook

_MISSES: Final = RateLimit(5, seconds=600)
router = APIRouter()


@dataclass(frozen=True, slots=True)
class Opened:
    """An open copy, when it was opened (seconds since 1970, UTC), and its visit as it is now."""

    copy: Copy
    at: int
    facility: Station
    followed: Followed


class NotThere(Exception):
    """The copy is unknown, expired or called back."""


class NotNow(Exception):
    """The station's record is read-only, and may lack a call-back; or the visit's record or its copy is broken."""

    def __init__(self, facility: Station) -> None:
        super().__init__(facility.id)
        self.facility = facility


class CopyClosed(Exception):
    """No copy is open in this browser, or its 30 minutes are over."""


async def _intact(bedside: Bedside, found: Awaitable[Copy | None]) -> Copy | None:
    """Return a copy; raise `NotNow` for one that somebody without the record key has altered."""
    try:
        return await found
    except ReadOnly as altered:
        facility = await bedside.store.facility(str(altered))
        if facility is None:
            return None
        raise NotNow(facility) from altered


async def _opened(request: Request, bedside: TheBedside) -> Opened:
    """Return this browser's copy, read anew, so that a call-back takes effect at once."""
    try:
        which, at = bedside.signer.read(Purpose.REVIEW, request.cookies.get(REVIEW_COOKIE, ""))
    except (BadToken, ValueError):
        raise CopyClosed from None
    copy = await _intact(bedside, bedside.copies.copy(which))
    if copy is None or not copy.is_live(bedside.clock.now()):
        raise NotThere
    facility = await bedside.store.facility(copy.facility)
    followed = await bedside.worklist.followed(copy.facility, copy.visit)
    if facility is None or followed is None:
        raise NotThere
    if await bedside.store.gap(facility.id) or followed.doubt is Doubt.BROKEN:
        raise NotNow(facility)
    return Opened(copy, int(at), facility, followed)


async def _sent(request: Request, bedside: TheBedside, _: OpenCopy) -> dict[str, str]:
    """Return the fields of a form; raises `Refusal` without this browser's CSRF token."""
    sent = await fields(request)
    if not bedside.signer.is_form(request.cookies[REVIEW_COOKIE], sent.get("token", "")):
        raise Refusal("foreign")
    return sent


async def _wish(wish: str) -> Wish:
    try:
        return Wish(wish)
    except ValueError:
        raise HTTPException(404) from None


OpenCopy: TypeAlias = Annotated[Opened, Depends(_opened)]
"""The copy that is open in the request's browser; without one, the request ends in the page that asks for letters."""
CopyForm: TypeAlias = Annotated[dict[str, str], Depends(_sent)]
ThisWish: TypeAlias = Annotated[Wish, Depends(_wish)]

# --- the letters --------------------------------------------------------------------------------------------------


@router.get(REVIEW)
async def ask(request: Request, bedside: TheBedside) -> Response:
    """Ask for the letters; the page's script reads them from the fragment.

    403, so that browsers do not suggest the address to people who type, and link previews show nothing.
    """
    return _ask(request, bedside, status=403)


@router.post(REVIEW)
async def open_copy(request: Request, bedside: TheBedside) -> Response:
    """Open the copy of these letters in this browser, for 30 minutes.

    Only wrong letters are rate-limited: others' misses must not block a 「わたしは同意していません」.
    """
    secret = typed((await fields(request)).get("letters", ""))
    found = await _intact(bedside, bedside.copies.find(known_as(secret))) if secret else None
    if found is not None and found.is_live(bedside.clock.now()):
        return await _open(request, bedside, found)
    # A wrong number of letters is a slip, and is not counted.
    if secret and not bedside.limits.has_room(_MISSES, network_of(request.scope)):
        answer = _ask(request, bedside, "wait", status=429)
        answer.headers["Retry-After"] = str(int(_MISSES.seconds))
        return answer
    return _ask(request, bedside, "wrong", status=404)


async def _open(request: Request, bedside: Bedside, copy: Copy) -> Response:
    answer = RedirectResponse(f"{REVIEW}/copy", status_code=303)
    signed = bedside.signer.sign(Purpose.REVIEW, copy.id, str(bedside.clock.now()))
    bedside.keep_review(answer, signed)
    if LOOK_COOKIE not in request.cookies:
        followed = await bedside.worklist.followed(copy.facility, copy.visit)
        language = BY_CODE.get(followed.visit.language if followed else "", Look().language)
        bedside.keep_look(answer, Look(language=language, furigana=language is EASY, is_patients=True))
    return answer


# --- the copy -----------------------------------------------------------------------------------------------------


@router.get(f"{REVIEW}/copy")
async def show(
    request: Request, bedside: TheBedside, opened: OpenCopy, consents: TheConsents, said: str = ""
) -> Response:
    """Show the `Truth` of today and the history."""
    followed = opened.followed
    return _page(
        request,
        bedside,
        "copy-page.html",
        opened,
        truth=truth(followed.visit, followed.sight),
        compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
        wishes=WISHES,
        history=await happened(bedside.worklist, consents, followed),
        copy_code=opened.copy.code,
        head=await bedside.store.head(opened.facility.id),
        said=said,
    )


@router.post(f"{REVIEW}/leave")
async def leave(bedside: TheBedside) -> Response:
    """Close the copy in this browser."""
    answer = RedirectResponse(REVIEW, status_code=303)
    bedside.forget_review(answer)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@router.get(f"{REVIEW}/call-back")
async def explain_calling_back(request: Request, bedside: TheBedside, opened: OpenCopy) -> Response:
    """Explain what calling the copy back means."""
    return _page(request, bedside, "call-back.html", opened)


@router.post(f"{REVIEW}/call-back")
async def call_back(request: Request, bedside: TheBedside, opened: OpenCopy, _: CopyForm) -> Response:
    """Call the copy back: its letters open nothing any more."""
    body: Body = {"from": "copy", "receipt": opened.copy.id}
    await bedside.copies.call_back(opened.copy, Event(EventType.COPY_CALLED_BACK, bedside.clock.now(), body))
    answer = _ask(request, bedside, "called_back")
    bedside.forget_review(answer)
    return answer


# --- what can be asked for ----------------------------------------------------------------------------------------


@router.get(f"{REVIEW}/{{wish}}")
async def explain(request: Request, bedside: TheBedside, opened: OpenCopy, wish: ThisWish) -> Response:
    """Explain what a wish leads to, and how to do it oneself."""
    return _page(request, bedside, "wish.html", opened, wish=wish, key=new_secret())


@router.post(f"{REVIEW}/{{wish}}")
async def record_wish(
    request: Request, bedside: TheBedside, opened: OpenCopy, wish: ThisWish, sent: CopyForm, look: ThisLook
) -> Response:
    """Record a wish for the station; 503 or 409 with a page when it was not recorded."""
    now, visit = bedside.clock.now(), opened.followed.visit.id
    body = {"what": wish.value, "language": look.language.code, "receipt": opened.copy.id}
    key = f"review {visit} {sent.get('key', '')[:40] or new_secret()}"
    act = Act(
        facility=opened.facility.id,
        visit=visit,
        key=key,
        type=EventType.ASKED,
        at=now,
        body=body,
        asked=StandingWish(now, wish),
    )
    try:
        written = await bedside.worklist.record(act)
    except (Unavailable, ReadOnly):
        return _page(request, bedside, "unsent.html", opened, status=503)
    if written is Written.KEY_REUSED:  # this very form has asked for something else
        return _page(request, bedside, "unsent.html", opened, status=409)
    return RedirectResponse(f"{REVIEW}/copy?said=asked", status_code=303)


# --- pages --------------------------------------------------------------------------------------------------------


async def not_open(request: Request, why: Exception) -> Response:
    """Answer `CopyClosed`, `NotThere` and `NotNow`."""
    bedside: Bedside = request.app.state.bedside
    if isinstance(why, NotNow):
        return _alone(request, bedside, "not-now.html", status=503, facility=why.facility)
    if isinstance(why, CopyClosed):
        return _ask(request, bedside, "closed", status=404)
    gone = _ask(request, bedside, "wrong", status=404)
    bedside.forget_review(gone)
    return gone


def _ask(request: Request, bedside: Bedside, why: str = "", *, status: int = 200) -> Response:
    """Answer the page that asks for the letters; `why` they are asked for again."""
    return _alone(request, bedside, "ask.html", status=status, why=why)


def _alone(request: Request, bedside: Bedside, template: str, *, status: int, **values: Any) -> Response:
    look = Look.of(request).seen_by("patient")
    return bedside.pages.respond(request, f"copy/{template}", status=status, look=look, **values)


def _page(
    request: Request, bedside: Bedside, template: str, opened: Opened, *, status: int = 200, **values: Any
) -> Response:
    """Answer a page of an open copy, which reloads when the copy's time is over."""
    answer = _alone(
        request,
        bedside,
        template,
        status=status,
        names=NAMES,
        facility=opened.facility,
        visit=opened.followed.visit,
        followed=opened.followed,
        token=bedside.signer.form(request.cookies[REVIEW_COOKIE]),
        **values,
    )
    left = max(0, opened.at + MAX_AGE[Purpose.REVIEW] - bedside.clock.now())
    answer.headers["Refresh"] = f"{left + 1}; url={REVIEW}/copy"  # which then says that it is closed
    return answer
