"""The worklist: visits that reached the handoff, the neediest first, and what the office saw of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.ports.office import Act, Copies, Worklist
from app.ports.store import Written
from app.rules.content import ITEMS
from app.rules.record.evidence import Body, EventType
from app.rules.station.account import Access
from app.rules.terminal.matching import Candidate, candidates, window
from app.rules.visit.consent import Choice
from app.rules.visit.standing import (
    DONE,
    NEEDY,
    Closed,
    Closing,
    Compared,
    Followed,
    Sight,
    Standing,
    Verdict,
    compared,
    has_copy,
    named,
    neediest_first,
    standing,
)
from app.rules.words.dates import format_time
from app.rules.words.digits import has_my_number
from app.tokens import new_secret
from app.web.copy.history import WISHES, happened
from app.web.office.consent_list import shown_briefly
from app.web.office.desk import Caller, Desk, OfficeRoute, is_day
from app.work.importing import Importer

PAGE: Final = 50
OFFERED: Final = 10
FLAGS: Final = tuple(flag for item in ITEMS for flag in item.flags)
_CLOSINGS: Final = {each.value: each for each in Closing}
_BEFORE: Final = re.compile(r"([0-9]{1,12})-([A-Za-z0-9_-]{1,40})")
_LONGEST: Final = 20
_SENT_TWICE: Final = (
    "同じ画面から二度送られました。はじめに送った内容が残っています。見てから、必要なら書き直してください"
)
_ASKED_SINCE: Final = "このあいだに、控えからの申し出が変わりました。読んでから、もう一度閉じてください"
_CLOSED_SINCE: Final = "ほかの人が、先に閉じました。閉じた人と理由は、このページに出ています"


async def followed_by(worklist: Worklist, caller: Caller) -> Followed:
    """Return the visit in the address, of the caller's station; else 404."""
    found = await worklist.followed(caller.facility, caller.request.path_params["visit"])
    if found is None:
        raise HTTPException(404)
    return found


@dataclass(frozen=True)
class WorkDesk:
    """The worklist's pages."""

    desk: Desk
    importer: Importer
    copies: Copies

    @property
    def worklist(self) -> Worklist:
        """The store of the worklist."""
        return self.importer.worklist

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/visits", Access.STAFF, self.list_all),
            OfficeRoute("GET", "/office/visits/{visit}", Access.STAFF, self.show),
            OfficeRoute("POST", "/office/visits/{visit}/seen", Access.STAFF, self.see),
            OfficeRoute("POST", "/office/visits/{visit}/match", Access.STAFF, self.match),
            OfficeRoute("POST", "/office/visits/{visit}/close", Access.STAFF, self.close),
        ]

    async def list_all(self, caller: Caller) -> Response:
        """Show the open visits by need, or the settled ones."""
        if caller.request.query_params.get("only") == "done":
            return await self._done(caller)
        placed = neediest_first(await self.worklist.open(caller.facility), self.desk.clock.now())
        groups = {
            "needy": [pair for pair in placed if pair[0] in NEEDY],
            "said": [pair for pair in placed if pair[0] not in NEEDY | {Standing.UNDERWAY}],
            "underway": [pair for pair in placed if pair[0] is Standing.UNDERWAY],
        }
        return self._list(caller, groups)

    def _list(
        self, caller: Caller, groups: Mapping[str, list[tuple[Standing, Followed]]], only: str = "", older: str = ""
    ) -> Response:
        rows = {name: [(*pair, _cells(pair[1])) for pair in placed] for name, placed in groups.items()}
        now = format_time(self.desk.clock.now())[-5:]
        return self.desk.page(
            caller, "visits.html", groups=rows, items=ITEMS, only=only, older=older, format_time=format_time, now=now
        )

    async def _done(self, caller: Caller) -> Response:
        given = _BEFORE.fullmatch(caller.request.query_params.get("before", ""))
        before = (int(given[1]), given[2]) if given else None
        found = await self.worklist.settled(caller.facility, before, PAGE + 1)
        shown, now = found[:PAGE], self.desk.clock.now()
        older = f"{shown[-1].settled_at}-{shown[-1].visit.id}" if len(found) > PAGE else ""
        groups = {"done": [(standing(each, now), each) for each in shown]}
        return self._list(caller, groups, "done", older)

    async def show(self, caller: Caller) -> Response:
        """Show one visit: what was chosen, said and seen, and what can be done."""
        return await self._page(caller, await self._found(caller))

    async def _found(self, caller: Caller) -> Followed:
        return await followed_by(self.worklist, caller)

    async def _page(
        self, caller: Caller, followed: Followed, wrong: dict[str, str] | None = None, late: str = ""
    ) -> Response:
        """Answer a visit's page; `wrong`: errors by field (422), `late`: why the form is stale (409)."""
        place = standing(followed, self.desk.clock.now())
        reference = followed.visit.answer("need", "reference")
        near = await self.importer.registry.near(caller.facility, reference, *window(followed))
        says_so = followed.person if followed.sight and followed.sight.source == "file" else ""
        offered = [each for each in candidates(followed, near) if each.known.id != says_so][:OFFERED]
        values = {
            "followed": followed,
            "visit": followed.visit,
            "standing": place,
            "is_done": place in DONE,
            "compared": compared(followed.visit, followed.sight) if followed.sight else (),
            "offered": offered,
            "elsewhere": await self._matched_elsewhere(caller, offered),
            "has_names": any(each.known.names for each in offered),
            "flags": FLAGS,
            "wrong": wrong or {},
            "late": late,
            "sent": caller.sent,
            "copies": await self.copies.of(caller.facility, followed.visit.id),
            "wishes": WISHES,
            "history": await happened(self.worklist, self.importer.registry, followed),
            "answers": named(followed.asked),
            "has_copy": has_copy(followed.visit),
            "copied_again": caller.request.query_params.get("copied") == "again",
            "now": self.desk.clock.now(),
            "key": new_secret(),
            "format_time": format_time,
            "place": "/office/visits",
        }
        status = 409 if late else 422 if wrong else 200
        if not values["has_names"]:
            return self.desk.page(caller, "visit.html", status=status, **values)
        answer = shown_briefly(self.desk, caller, "visit.html", values, has_names=True)
        answer.status_code = status
        return answer

    # --- what the office does -----------------------------------------------------------------------------------

    async def _matched_elsewhere(self, caller: Caller, offered: Iterable[Candidate]) -> set[str]:
        """Return the ids of offered people who are already matched with a visit."""
        registry = self.importer.registry
        people = [each.known.id for each in offered]
        return {each for each in people if await registry.visits_of(caller.facility, each)}

    async def see(self, caller: Caller) -> Response:
        """Record what somebody saw on the terminal's screen."""
        followed = await self._found(caller)
        sight, wrong = _sight(caller, self.desk.clock.now())
        if sight is None:
            return await self._page(caller, followed, wrong)
        place = standing(Followed(followed.visit, followed.handed_off_at, sight), sight.at)
        body: Body = {
            "by": caller.officer.account.id,
            "from": "screen",
            "found": sight.found,
            "flags": dict(sight.flags),
            "consented_on": str(sight.consented_on or ""),
            "available_until": sight.available_until,
            "reference": followed.visit.answer("need", "reference"),
        }
        written = await self._record(caller, followed, EventType.VERIFIED, body, place in DONE, sight=sight)
        if written is Written.KEY_REUSED:
            return await self._page(caller, await self._found(caller), late=_SENT_TWICE)
        return self.desk.go(f"/office/visits/{followed.visit.id}")

    async def match(self, caller: Caller) -> Response:
        """Match a visit with a person of the terminal's files, as somebody confirmed after seeing the grounds."""
        followed = await self._found(caller)
        known = await self.importer.registry.person(caller.facility, caller.sent.get("person", ""))
        if known is None:
            return await self._page(caller, followed, {"person": "この訪問の方をえらんでください"})
        who = caller.officer.account
        if await self.importer.see(followed, known, (who.id, who.name), key=caller.key) is None:
            return await self._page(caller, await self._found(caller), late=_SENT_TWICE)
        return self.desk.go(f"/office/visits/{followed.visit.id}")

    async def close(self, caller: Caller) -> Response:
        """Close a visit for a reason; 409 if it was closed, or a wish came in, since the page was shown."""
        followed = await self._found(caller)
        why = _CLOSINGS.get(caller.sent.get("why", ""))
        if why is None:
            return await self._page(caller, followed, {"why": "理由をえらんでください"})
        if followed.asked and why is not Closing.ANSWERED:
            return await self._page(caller, followed, {"why": "申し出があります。答えてから閉じてください"})
        closed = Closed(self.desk.clock.now(), caller.officer.account.name, why)
        body: Body = {"by": caller.officer.account.id, "why": why.value}
        written = await self._record(caller, followed, EventType.CLOSED, body, closed=closed)
        if written not in {Written.STALE, Written.KEY_REUSED}:
            return self.desk.go("/office/visits")
        now = await self._found(caller)
        since = _CLOSED_SINCE if now.closed else _ASKED_SINCE
        return await self._page(caller, now, late=since if written is Written.STALE else _SENT_TWICE)

    async def _record(  # noqa: PLR0913 - what is written, and how
        self,
        caller: Caller,
        followed: Followed,
        kind: EventType,
        body: Body,
        is_settled: bool = True,  # noqa: FBT001, FBT002 - a fact of the act, named by the port
        *,
        sight: Sight | None = None,
        closed: Closed | None = None,
    ) -> Written:
        act = Act(
            caller.facility,
            followed.visit.id,
            caller.key,
            kind,
            sight.at if sight else closed.at if closed else self.desk.clock.now(),
            body,
            is_settled,
            sight,
            closed,
            answers=caller.sent.get("answers", ""),
        )
        return await self.worklist.record(act)


def _cells(followed: Followed) -> list[Compared]:
    """Return every item as chosen and as seen; one that was not asked is NOT_ASKED."""
    sight = followed.sight or Sight(0, "", found=False, flags={})
    asked = {each.item: each for each in compared(followed.visit, sight)}
    return [asked.get(item) or Compared(item, Choice.NOT_ASKED, (), Verdict.NOT_CHOSEN_HERE) for item in ITEMS]


def _sight(caller: Caller, now: int) -> tuple[Sight | None, dict[str, str]]:
    """Return the form's sight, or its errors by field."""
    sent, by = caller.sent, caller.officer.account.name
    if sent.get("found") not in {"yes", "no"}:
        return None, {"found": "一覧に、この方の行があったかをえらんでください"}
    if sent["found"] == "no":
        return Sight(now, by, found=False, flags={}), {}
    day, until = sent.get("consented_on", ""), unicodedata.normalize("NFKC", sent.get("available_until", "")).strip()
    wrong = {}
    if day and not is_day(day):
        wrong["consented_on"] = "年・月・日を 2026-11-22 のように入れてください"
    if len(until) > _LONGEST or has_my_number(until) or not until.isprintable():
        wrong["available_until"] = "画面の文字のとおりに、20文字までで入れてください"
    if wrong:
        return None, wrong
    flags = {flag: sent.get(flag) == "yes" for flag in FLAGS}
    return Sight(
        now, by, found=True, flags=flags, consented_on=date.fromisoformat(day) if day else None, available_until=until
    ), {}
