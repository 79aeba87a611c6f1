"""The list of consents of the terminal's files: filters, search, print and CSV export.

A search by name or number, and each further page of it, is a POST that is answered without a redirect: the text is in
no address, browser history or log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, Response, StreamingResponse

from app.ports.consent_list import ConsentList
from app.rules.record.evidence import Body, Event, EventType
from app.rules.station.account import Access
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
from app.web.office.desk import Caller, Desk, OfficeRoute

LIST: Final = "/office/consents"
PAGE: Final = 50
ON_PAPER: Final = 500
IN_A_FILE: Final = 20_000
UNSEEN: Final = 5 * 60
"""Seconds after which a page with names is covered and redirects to `/office`."""
_BATCH: Final = 200
_LETTERS: Final = {each.value: each for each in Letters}


@dataclass(frozen=True)
class ConsentDesk:
    """The list's pages."""

    desk: Desk
    registry: ConsentList

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", LIST, Access.STAFF, self.list_all),
            OfficeRoute("POST", LIST, Access.STAFF, self.find),
            OfficeRoute("GET", f"{LIST}/print", Access.STAFF, self.paper),
            OfficeRoute("POST", f"{LIST}/print", Access.STAFF, self.paper_of_found),
            OfficeRoute("POST", f"{LIST}/csv", Access.STAFF, self.file),
        ]

    # --- on the screen ------------------------------------------------------------------------------------------

    async def list_all(self, caller: Caller) -> Response:
        """Show the list, filtered by the query's parameters."""
        return await self._list(caller, asked_openly(caller.request.query_params))

    async def find(self, caller: Caller) -> Response:
        """Search by name or number."""
        return await self._list(caller, await self._asked(caller))

    async def _asked(self, caller: Caller) -> ConsentQuery:
        """Return the form's query; a text without hits as name or number is tried as the other, once."""
        names = await self._keeps_names(caller)
        what = asked(caller.sent, keeps_names=names)
        if not what.is_text or not names or "by" in caller.sent or await self._found(caller, what, 1):
            return what
        other = replace(what, by=By.NAME if what.by is By.REFERENCE else By.REFERENCE)
        return other if await self._found(caller, other, 1) else what

    async def _keeps_names(self, caller: Caller) -> bool:
        return (await self.desk.office.station(caller.facility)).keeps_names

    async def _list(self, caller: Caller, what: ConsentQuery) -> Response:
        found = await self._found(caller, what, PAGE + 1)
        shown = found[:PAGE]
        last = place_of(what.search(self.desk.clock.now()), shown[-1]) if len(found) > PAGE else None
        more = {
            "next": f"{last[0]}-{last[1]}" if last else "",
            "warnings": await self._warnings(caller),
            "erased": "erased" in caller.request.query_params,
        }
        return await self._page(caller, "consents.html", what, shown, more)

    async def _found(self, caller: Caller, what: ConsentQuery, limit: int) -> list[ListedPerson]:
        if what.finds_nothing:
            return []
        search = what.search(self.desk.clock.now())
        return await self.registry.search(caller.facility, search, what.after, limit)

    async def _warnings(self, caller: Caller) -> dict[str, bool]:
        now = self.desk.clock.now()
        asks = {
            f"ends-{SOON}": Search(By.ENDS, moments=within(SOON, now)),
            OVER: Search(By.ENDS, moments=within(0, now)),
            "state-expired": Search(By.STATE, ConsentState.EXPIRED.value),
        }
        return {word: bool(await self.registry.search(caller.facility, ask, None, 1)) for word, ask in asks.items()}

    async def _page(
        self, caller: Caller, template: str, what: ConsentQuery, shown: list[ListedPerson], more: Mapping[str, Any]
    ) -> Response:
        names = await self._keeps_names(caller)
        values = {
            "asked": what,
            "query": urlencode(what.fields) if not what.is_text else "",
            "rows": list(rows(shown, self.desk.clock.now(), names=names)),
            "columns": COLUMNS,
            "names": names,
            "filters": FILTERS,
            "soon": SOON,
            "letters": (),
            "too_many": 0,
            "place": LIST,
            **more,
        }
        return shown_briefly(self.desk, caller, template, values, has_names=names)

    # --- on paper -----------------------------------------------------------------------------------------------

    async def paper(self, caller: Caller) -> Response:
        """Show the list as it is printed."""
        return await self._paper(caller, asked_openly(caller.request.query_params))

    async def paper_of_found(self, caller: Caller) -> Response:
        """Show the hits of a search as they are printed."""
        return await self._paper(caller, await self._asked(caller))

    async def _paper(self, caller: Caller, what: ConsentQuery) -> Response:
        found = await self._found(caller, what, ON_PAPER + 1)
        printed = format_time(self.desk.clock.now())
        more = {"most": ON_PAPER, "is_cut": len(found) > ON_PAPER, "printed": printed}
        return await self._page(caller, "consents-paper.html", what, found[:ON_PAPER], more)

    # --- in a file ----------------------------------------------------------------------------------------------

    async def file(self, caller: Caller) -> Response:
        """Export the list as CSV and record it; 422 for letters outside the encoding or more than `IN_A_FILE` rows."""
        what, names = await self._asked(caller), await self._keeps_names(caller)
        letters = _LETTERS.get(caller.sent.get("letters", ""), Letters.UTF_8)
        count, odd = 0, set[str]()
        async for batch in self._batches(caller, what):
            count += len(batch)
            if letters is not Letters.UTF_8:  # which holds every letter
                odd |= unwritable(self._lines(batch, names=names), letters)
        if odd or count > IN_A_FILE:
            shown = tuple(described(letter) for letter in sorted(odd))
            return await self._refused(caller, what, shown, IN_A_FILE if count > IN_A_FILE else 0)
        now = self.desk.clock.now()
        body: Body = {"by": caller.officer.account.id, "what": what.kind, "format": letters.value, "count": count}
        await self.registry.note(caller.facility, "list", Event(EventType.EXPORTED, now, body))
        name = f"kazasu-consents-{day_of(now):%Y%m%d}.csv"
        return StreamingResponse(
            self._written(caller, what, letters, names=names),
            media_type=f"text/csv; charset={'Shift_JIS' if letters is Letters.CP932 else 'utf-8'}",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    async def _refused(self, caller: Caller, what: ConsentQuery, letters: tuple[str, ...], most: int) -> Response:
        found = await self._found(caller, what, PAGE)
        more = {"next": "", "warnings": {}, "erased": False, "letters": letters, "too_many": most}
        answer = await self._page(caller, "consents.html", what, found, more)
        answer.status_code = 422
        return answer

    async def _written(
        self, caller: Caller, what: ConsentQuery, letters: Letters, *, names: bool
    ) -> AsyncIterator[bytes]:
        yield letters.bom + lines([headings(names=names)]).encode(letters.codec)
        async for batch in self._batches(caller, what):
            # A row added since the check may fail to encode and abort the download: no letter is ever replaced.
            yield self._lines(batch, names=names).encode(letters.codec)

    def _lines(self, batch: list[ListedPerson], *, names: bool) -> str:
        return lines(each.cells(names=names) for each in rows(batch, self.desk.clock.now(), names=names))

    async def _batches(self, caller: Caller, what: ConsentQuery) -> AsyncIterator[list[ListedPerson]]:
        """Yield the hits in batches of `_BATCH`, and stop once there are more than `IN_A_FILE`."""
        if what.finds_nothing:
            return
        search, after, count = what.search(self.desk.clock.now()), None, 0
        while count <= IN_A_FILE:
            batch = await self.registry.search(caller.facility, search, after, _BATCH)
            if batch:
                yield batch
            if len(batch) < _BATCH:
                return
            count, after = count + len(batch), place_of(search, batch[-1])
            await asyncio.sleep(0)  # lets other requests run between two batches


def shown_briefly(desk: Desk, caller: Caller, template: str, values: Mapping[str, Any], *, has_names: bool) -> Response:
    """Answer a page of the list; one with names redirects to `/office` after `UNSEEN` seconds.

    Never compressed: typed input and the CSRF token are on one page (BREACH).
    """
    idle = {"idle": UNSEEN} if has_names else {}
    answer = HTMLResponse(desk.html(caller, template, **values, **idle))
    if has_names:
        answer.headers["Refresh"] = f"{UNSEEN}; url=/office"
    return answer
