"""The worklist: visits that reached the handoff, the neediest first, and what the office saw of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.consent import Choice
from app.content import ITEMS
from app.digits import has_my_number
from app.evidence import Body, Event, EventType
from app.importing import Importer
from app.languages import BY_CODE, EASY, OFFICIAL
from app.matching import Candidate, candidates, window
from app.ports import Act, Receipts, Worklist, Written
from app.receipt import REVIEW, Receipt, grouped, known_as, new_letters
from app.tokens import new_secret
from app.web.codes import drawn_once
from app.web.office.consents import shown_briefly
from app.web.office.desk import Caller, Desk, Endpoint, is_day, moment
from app.web.pages import Look
from app.worklist import (
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
    neediest_first,
    standing,
    truth,
)

PAGE: Final = 50
OFFERED: Final = 10
FLAGS: Final = tuple(flag for item in ITEMS for flag in item.flags)
_CLOSINGS: Final = {each.value: each for each in Closing}
_BEFORE: Final = re.compile(r"([0-9]{1,12})-([A-Za-z0-9_-]{1,40})")
_LONGEST: Final = 20
_DIGITS: Final = 4
_CODE_MM: Final = 42.0
"""How wide the code on a copy is, with its white, unless a long address needs more."""
_CODE_ROOM_MM: Final = 70.0


@dataclass(frozen=True)
class WorkDesk:
    """The worklist's pages."""

    desk: Desk
    importer: Importer
    receipts: Receipts

    @property
    def worklist(self) -> Worklist:
        """Where it is kept what the office saw."""
        return self.importer.worklist

    def endpoints(self) -> dict[tuple[str, str], Endpoint]:
        """Return what stands behind these doors."""
        return {
            ("GET", "/office/visits"): self.list_all,
            ("GET", "/office/visits/{visit}"): self.show,
            ("POST", "/office/visits/{visit}/seen"): self.see,
            ("POST", "/office/visits/{visit}/match"): self.match,
            ("POST", "/office/visits/{visit}/close"): self.close,
            ("POST", "/office/visits/{visit}/receipt"): self.copy,
            ("POST", "/office/visits/{visit}/receipt/{receipt}/call-back"): self.call_back,
        }

    async def list_all(self, caller: Caller) -> Response:
        """Show what wants doing, or what is settled."""
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
        now = moment(self.desk.clock.now())[-5:]
        return self.desk.page(
            caller, "visits.html", groups=rows, items=ITEMS, only=only, older=older, moment=moment, now=now
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
        found = await self.worklist.followed(caller.facility, caller.request.path_params["visit"])
        if found is None:
            raise HTTPException(404)
        return found

    async def _page(
        self, caller: Caller, followed: Followed, wrong: dict[str, str] | None = None, status: int = 422
    ) -> Response:
        place = standing(followed, self.desk.clock.now())
        reference = followed.visit.answer("need", "reference")
        near = await self.importer.registry.near(caller.facility, reference, *window(followed))
        offered = [each for each in candidates(followed, near) if each.known.id != followed.person][:OFFERED]
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
            "sent": caller.sent,
            "receipts": await self.receipts.of(caller.facility, followed.visit.id),
            "has_copy": has_copy(followed.visit),
            "copied_again": caller.request.query_params.get("copied") == "again",
            "now": self.desk.clock.now(),
            "key": new_secret(),
            "moment": moment,
            "place": "/office/visits",
        }
        status = status if wrong else 200
        if not values["has_names"]:
            return self.desk.page(caller, "visit.html", status=status, **values)
        answer = shown_briefly(self.desk, caller, "visit.html", values, has_names=True)
        answer.status_code = status
        return answer

    # --- what the office does -----------------------------------------------------------------------------------

    async def _matched_elsewhere(self, caller: Caller, offered: Iterable[Candidate]) -> set[str]:
        """Return who of those offered belongs to another visit already."""
        registry = self.importer.registry
        people = [each.known.id for each in offered]
        return {each for each in people if await registry.visits_of(caller.facility, each)}

    async def see(self, caller: Caller) -> Response:
        """Keep what the terminal's screen shows."""
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
        await self._record(caller, followed, EventType.VERIFIED, body, place in DONE, sight=sight)
        return self.desk.go(f"/office/visits/{followed.visit.id}")

    async def match(self, caller: Caller) -> Response:
        """Let what a file says of a person count for a visit: somebody looked at the grounds and confirmed."""
        followed = await self._found(caller)
        known = await self.importer.registry.person(caller.facility, caller.sent.get("person", ""))
        if known is None:
            return await self._page(caller, followed, {"person": "この訪問の方をえらんでください"})
        who = caller.officer.account
        await self.importer.see(followed, known, (who.id, who.name), key=_key(caller))
        return self.desk.go(f"/office/visits/{followed.visit.id}")

    async def close(self, caller: Caller) -> Response:
        """Expect nothing more of a visit."""
        followed = await self._found(caller)
        why = _CLOSINGS.get(caller.sent.get("why", ""))
        if why is None:
            return await self._page(caller, followed, {"why": "理由をえらんでください"})
        if followed.asked and why is not Closing.ANSWERED:
            return await self._page(caller, followed, {"why": "申し出があります。答えてから閉じてください"})
        closed = Closed(self.desk.clock.now(), caller.officer.account.name, why)
        body: Body = {"by": caller.officer.account.id, "why": why.value}
        if await self._record(caller, followed, EventType.CLOSED, body, closed=closed) is Written.STALE:
            wrong = {"why": "このあいだに、控えから申し出がありました。読んでから、もう一度閉じてください"}
            return await self._page(caller, await self._found(caller), wrong, status=409)
        return self.desk.go("/office/visits")

    # --- the patient's copy ---------------------------------------------------------------------------------------

    async def copy(self, caller: Caller) -> Response:
        """Make a copy for the patient and show it as it is printed: its letters are seen here and never again."""
        followed, secret, now = await self._found(caller), new_letters(), self.desk.clock.now()
        if not has_copy(followed.visit):
            raise HTTPException(404)
        receipt = Receipt(
            new_secret(), caller.facility, followed.visit.id, known_as(secret), now, caller.officer.account.name
        )
        if not await self.receipts.issue(receipt, _about(receipt, EventType.COPIED, caller, now), _key(caller)):
            return self.desk.go(f"/office/visits/{followed.visit.id}?copied=again#receipts")
        language = BY_CODE.get(caller.sent.get("language", ""), OFFICIAL)
        address = f"{self.desk.origin}{REVIEW}"
        code = drawn_once(f"{address}#{secret}")
        sheet = self.desk.pages.html(
            "review/on-paper.html",
            Look("m", caller.sent.get("furigana") == "on", language, is_patients=True),
            facility=caller.officer.facility,
            visit=followed.visit,
            followed=followed,
            truth=truth(followed.visit, followed.sight),
            compared={each.item: each for each in compared(followed.visit, followed.sight)} if followed.sight else {},
            head=await self.desk.store.head(caller.facility),
            code=code.svg(code.width(wanted=_CODE_MM, room=_CODE_ROOM_MM)),
            letters=grouped(secret),
            address=address,
            printed_at=now,
        )
        return self.desk.page(
            caller,
            "receipt.html",
            visit=followed.visit,
            sheet=Markup(sheet),  # noqa: S704 - a page of ours
            language=language,
            is_large=language is EASY,  # its sentences are short and its names long: they fill a larger sheet
            has_readings=caller.sent.get("furigana") == "on" and language.is_japanese,
        )

    async def call_back(self, caller: Caller) -> Response:
        """Call a copy back: whoever has it open sees nothing more on the next request."""
        followed, now = await self._found(caller), self.desk.clock.now()
        for each in await self.receipts.of(caller.facility, followed.visit.id):
            if each.id == caller.request.path_params["receipt"]:
                await self.receipts.call_back(each, _about(each, EventType.COPY_CALLED_BACK, caller, now))
        return self.desk.go(f"/office/visits/{followed.visit.id}#receipts")

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
            _key(caller),
            kind,
            self.desk.clock.now(),
            body,
            is_settled,
            sight,
            closed,
            answers=_number(caller.sent.get("answers", "")),
        )
        return await self.worklist.record(act)


def _key(caller: Caller) -> str:
    """Return what names this submission: whatever it does, it does once."""
    return f"office {caller.sent.get('key', '') or new_secret()}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else 0


def _about(receipt: Receipt, kind: EventType, caller: Caller, now: int) -> Event:
    return Event(kind, now, {"by": caller.officer.account.id, "receipt": receipt.id})


def _cells(followed: Followed) -> list[Compared]:
    """Return what was chosen of every item, with what was seen beside it; an item that was not asked says so."""
    sight = followed.sight or Sight(0, "", found=False, flags={})
    asked = {each.item: each for each in compared(followed.visit, sight)}
    return [asked.get(item) or Compared(item, Choice.NOT_ASKED, (), Verdict.NOT_CHOSEN_HERE) for item in ITEMS]


def _sight(caller: Caller, now: int) -> tuple[Sight | None, dict[str, str]]:
    """Return what was seen, or what is wrong with how it was said."""
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
