"""Today's list at the bedside: the day's word opens the office's numbers, and choosing one begins its visit."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response

from app.ports.office import DayLists
from app.ports.outside import Unavailable
from app.rules.content import ITEMS
from app.rules.station.day_list import Planned, is_word
from app.rules.station.station import Station
from app.rules.visit.standing import as_chosen
from app.rules.visit.visit import Holder
from app.rules.words.dates import day_of
from app.rules.words.furigana import letters
from app.web.bedside.entry import begin
from app.web.bedside.seat import Bedside, TheBedside
from app.web.kit.forms import fields
from app.web.kit.limits import RateLimit, network_of
from app.web.kit.pages import Look
from app.web.kit.parts import TheDayLists

_WRONG_BY_ADDRESS: Final = RateLimit(5, seconds=600)
_WRONG_BY_STATION: Final = RateLimit(500, seconds=600)
router = APIRouter()


async def _for_staff(request: Request, bedside: TheBedside, token: str) -> Station:
    """Return the station, unless the patient holds the phone: the list is staff's."""
    await bedside.keep_to_staff(request)
    return await bedside.station(token)


StaffStation = Annotated[Station, Depends(_for_staff)]


@router.get("/f/{token}/today")
async def ask(request: Request, bedside: TheBedside, facility: StaffStation) -> Response:
    """Ask for the day's word."""
    return _page(request, bedside, "bedside/today.html", facility)


@router.post("/f/{token}/today")
async def open_list(request: Request, bedside: TheBedside, facility: StaffStation, day_lists: TheDayLists) -> Response:
    """Check the day's word, then show the list or begin the visit of the chosen number."""
    sent = await fields(request)
    word, today = letters(sent.get("word", "")), day_of(bedside.clock.now())
    refused = await _refused(request, bedside, facility, day_lists, word)
    if refused is not None:
        return refused
    planned = await day_lists.on(facility.id, today)
    if "reference" not in sent:
        return await _list(request, bedside, facility, word, planned)
    chosen = next((each for each in planned if each.reference == sent["reference"]), None)
    if chosen is None:
        return await _list(request, bedside, facility, word, planned, gone=True, status=409)
    sight = await bedside.worklist.last_sight(facility.id, chosen.reference)
    earlier = as_chosen(sight, ITEMS) if sight and sight.found else {}
    answer, visit = await begin(request, bedside, facility, chosen.gate, earlier)
    with suppress(Unavailable):  # the visit has begun, and need not wait for the office's list
        await day_lists.begun(facility.id, chosen.day, chosen.reference, visit.id)
    return answer


async def _refused(
    request: Request, bedside: Bedside, facility: Station, day_lists: DayLists, word: str
) -> Response | None:
    """Return 422 for a wrong word, 429 after too many, else None; only wrong ones are counted."""
    address, limits = f"{network_of(request.scope)} {facility.id}", bedside.limits
    if limits.is_full(_WRONG_BY_ADDRESS, address) or limits.is_full(_WRONG_BY_STATION, facility.id):
        return _page(request, bedside, "bedside/today.html", facility, wait=True, status=429)
    if is_word(await day_lists.word(facility.id, day_of(bedside.clock.now())), word):
        return None
    limits.has_room(_WRONG_BY_ADDRESS, address)
    limits.has_room(_WRONG_BY_STATION, facility.id)
    return _page(request, bedside, "bedside/today.html", facility, wrong=True, status=422)


async def _list(
    request: Request, bedside: Bedside, facility: Station, word: str, planned: tuple[Planned, ...], **more: Any
) -> Response:
    shown = {"word": word, "planned": planned, "is_open": await bedside.find(request) is not None, **more}
    return _page(request, bedside, "bedside/today-list.html", facility, **shown)


def _page(request: Request, bedside: Bedside, template: str, facility: Station, **values: Any) -> Response:
    look = Look.of(request).seen_by(Holder.STAFF)
    shown = {"wrong": False, "wait": False, "gone": False, "token": request.path_params["token"], **values}
    return bedside.pages.respond(request, template, look=look, facility=facility, **shown)
