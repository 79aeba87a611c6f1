"""The list of consents of the terminal's files: filters, search, print and CSV export.

A search by name or number, and each further page of it, is a POST that is answered without a redirect: the text is in
no address, browser history or log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from app.ports.consent_list import ConsentList
from app.rules.record.event import Body, Event, EventType
from app.rules.terminal.consent_list import COLUMNS, By, ConsentState, ListedPerson, Search
from app.rules.terminal.consent_rows import (
    FILTERS,
    OVER,
    SOON,
    ConsentQuery,
    asked,
    asked_openly,
    headings,
    place_of,
    rows,
    within,
)
from app.rules.words.csvfile import Letters, described, lines, unwritable
from app.rules.words.dates import day_of, format_time
from app.web.kit.parts import TheConsents
from app.web.office.desk import Caller, Staff

LIST: Final = "/office/consents"
PAGE: Final = 50
ON_PAPER: Final = 500
IN_A_FILE: Final = 20_000
UNSEEN: Final = 5 * 60
"""Seconds after which a page with names is covered and redirects to `/office`."""
_BATCH: Final = 200
_LETTERS: Final = {each.value: each for each in Letters}


router = APIRouter(prefix=LIST)


# --- on the screen --------------------------------------------------------------------------------------------------


@router.get("")
async def list_all(caller: Staff, consents: TheConsents) -> Response:
    """Show the list, filtered by the query's parameters."""
    return await _list(caller, consents, asked_openly(caller.request.query_params))


@router.post("")
async def find(caller: Staff, consents: TheConsents) -> Response:
    """Search by name or number."""
    return await _list(caller, consents, await _asked(caller, consents))


async def _asked(caller: Caller, consents: ConsentList) -> ConsentQuery:
    """Return the form's query; a text without hits as name or number is tried as the other, once."""
    names = await keeps_names(caller)
    what = asked(caller.sent, keeps_names=names)
    if not what.is_text or not names or "by" in caller.sent or await _found(caller, consents, what, 1):
        return what
    other = replace(what, by=By.NAME if what.by is By.REFERENCE else By.REFERENCE)
    return other if await _found(caller, consents, other, 1) else what


async def _list(caller: Caller, consents: ConsentList, what: ConsentQuery) -> Response:
    found = await _found(caller, consents, what, PAGE + 1)
    shown = found[:PAGE]
    last = place_of(what.search(caller.now), shown[-1]) if len(found) > PAGE else None
    more = {
        "next": f"{last[0]}-{last[1]}" if last else "",
        "warnings": await _warnings(caller, consents),
        "erased": "erased" in caller.request.query_params,
    }
    return await _page(caller, "consents.html", what, shown, more)


async def _found(caller: Caller, consents: ConsentList, what: ConsentQuery, limit: int) -> list[ListedPerson]:
    if what.finds_nothing:
        return []
    return await consents.search(caller.facility, what.search(caller.now), what.after, limit)


async def _warnings(caller: Caller, consents: ConsentList) -> dict[str, bool]:
    now = caller.now
    asks = {
        f"ends-{SOON}": Search(By.ENDS, moments=within(SOON, now)),
        OVER: Search(By.ENDS, moments=within(0, now)),
        "state-expired": Search(By.STATE, ConsentState.EXPIRED.value),
    }
    return {word: bool(await consents.search(caller.facility, ask, None, 1)) for word, ask in asks.items()}


async def _page(
    caller: Caller, template: str, what: ConsentQuery, shown: list[ListedPerson], more: Mapping[str, Any]
) -> Response:
    names = await keeps_names(caller)
    values = {
        "asked": what,
        "query": urlencode(what.fields) if not what.is_text else "",
        "rows": list(rows(shown, caller.now, names=names)),
        "columns": COLUMNS,
        "names": names,
        "filters": FILTERS,
        "soon": SOON,
        "letters": (),
        "too_many": 0,
        "place": LIST,
        **more,
    }
    return shown_briefly(caller, template, values, has_names=names)


# --- on paper -------------------------------------------------------------------------------------------------------


@router.get("/print")
async def paper(caller: Staff, consents: TheConsents) -> Response:
    """Show the list as it is printed."""
    return await _paper(caller, consents, asked_openly(caller.request.query_params))


@router.post("/print")
async def paper_of_found(caller: Staff, consents: TheConsents) -> Response:
    """Show the hits of a search as they are printed."""
    return await _paper(caller, consents, await _asked(caller, consents))


async def _paper(caller: Caller, consents: ConsentList, what: ConsentQuery) -> Response:
    found = await _found(caller, consents, what, ON_PAPER + 1)
    more = {"most": ON_PAPER, "is_cut": len(found) > ON_PAPER, "printed": format_time(caller.now)}
    return await _page(caller, "consents-paper.html", what, found[:ON_PAPER], more)


# --- in a file ------------------------------------------------------------------------------------------------------


@router.post("/csv")
async def file(caller: Staff, consents: TheConsents) -> Response:
    """Export the list as CSV and record it; 422 for letters outside the encoding or more than `IN_A_FILE` rows."""
    what, names = await _asked(caller, consents), await keeps_names(caller)
    letters = _LETTERS.get(caller.sent.get("letters", ""), Letters.UTF_8)
    count, odd = 0, set[str]()
    async for batch in _batches(caller, consents, what):
        count += len(batch)
        if letters is not Letters.UTF_8:  # which holds every letter
            odd |= unwritable(_lines(batch, caller.now, names=names), letters)
    if odd or count > IN_A_FILE:
        shown = tuple(described(letter) for letter in sorted(odd))
        return await _refused(caller, consents, what, shown, IN_A_FILE if count > IN_A_FILE else 0)
    now = caller.now
    body: Body = {"by": caller.officer.account.id, "what": what.kind, "format": letters.value, "count": count}
    await consents.note(caller.facility, "list", Event(EventType.EXPORTED, now, body))
    name = f"kazasu-consents-{day_of(now):%Y%m%d}.csv"
    return StreamingResponse(
        _written(caller, consents, what, letters, names=names),
        media_type=f"text/csv; charset={'Shift_JIS' if letters is Letters.CP932 else 'utf-8'}",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


async def _refused(
    caller: Caller, consents: ConsentList, what: ConsentQuery, letters: tuple[str, ...], most: int
) -> Response:
    found = await _found(caller, consents, what, PAGE)
    more = {"next": "", "warnings": {}, "erased": False, "letters": letters, "too_many": most}
    answer = await _page(caller, "consents.html", what, found, more)
    answer.status_code = 422
    return answer


async def _written(
    caller: Caller, consents: ConsentList, what: ConsentQuery, letters: Letters, *, names: bool
) -> AsyncIterator[bytes]:
    yield letters.bom + lines([headings(names=names)]).encode(letters.codec)
    async for batch in _batches(caller, consents, what):
        # A row added since the check may fail to encode and abort the download: no letter is ever replaced.
        yield _lines(batch, caller.now, names=names).encode(letters.codec)


def _lines(batch: list[ListedPerson], now: int, *, names: bool) -> str:
    return lines(each.cells(names=names) for each in rows(batch, now, names=names))


async def _batches(caller: Caller, consents: ConsentList, what: ConsentQuery) -> AsyncIterator[list[ListedPerson]]:
    """Yield the hits in batches of `_BATCH`, and stop once there are more than `IN_A_FILE`."""
    if what.finds_nothing:
        return
    search, after, count = what.search(caller.now), None, 0
    while count <= IN_A_FILE:
        batch = await consents.search(caller.facility, search, after, _BATCH)
        if batch:
            yield batch
        if len(batch) < _BATCH:
            return
        count, after = count + len(batch), place_of(search, batch[-1])
        await asyncio.sleep(0)  # lets other requests run between two batches


async def keeps_names(caller: Caller) -> bool:
    """Whether the caller's station keeps names."""
    return (await caller.desk.office.station(caller.facility)).keeps_names


def shown_briefly(caller: Caller, template: str, values: Mapping[str, Any], *, has_names: bool) -> Response:
    """Answer a page of the list; one with names redirects to `/office` after `UNSEEN` seconds.

    Never compressed: typed input and the CSRF token are on one page (BREACH).
    """
    idle = {"idle": UNSEEN} if has_names else {}
    answer = HTMLResponse(caller.html(template, **values, **idle))
    if has_names:
        answer.headers["Refresh"] = f"{UNSEEN}; url=/office"
    return answer
