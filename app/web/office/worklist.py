"""The worklist: visits that reached the handoff, the neediest first, and what the office saw of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from app.ports.consent_list import ConsentList
from app.ports.office import Act, Copies, Worklist
from app.ports.store import Written
from app.rules.content import ITEMS
from app.rules.record.event import Body, EventType
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
from app.web.kit.parts import TheCopies, TheWorklist
from app.web.office.consent_list import shown_briefly
from app.web.office.desk import Caller, Staff, is_day
from app.web.office.files import TheImporter
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


router = APIRouter(prefix="/office/visits")


async def followed_by(caller: Caller, worklist: Worklist, visit: str) -> Followed:
    """Return a visit of the caller's station; else 404."""
    found = await worklist.followed(caller.facility, visit)
    if found is None:
        raise HTTPException(404)
    return found


@router.get("")
async def list_all(caller: Staff, worklist: TheWorklist, only: str = "", before: str = "") -> Response:
    """Show the open visits by need, or the settled ones."""
    if only == "done":
        return await _done(caller, worklist, before)
    placed = neediest_first(await worklist.open(caller.facility), caller.now)
    groups = {
        "needy": [pair for pair in placed if pair[0] in NEEDY],
        "said": [pair for pair in placed if pair[0] not in NEEDY | {Standing.UNDERWAY}],
        "underway": [pair for pair in placed if pair[0] is Standing.UNDERWAY],
    }
    return _list(caller, groups)


def _list(
    caller: Caller, groups: Mapping[str, list[tuple[Standing, Followed]]], only: str = "", older: str = ""
) -> Response:
    rows = {name: [(*pair, _cells(pair[1])) for pair in placed] for name, placed in groups.items()}
    now = format_time(caller.now)[-5:]
    return caller.page(
        "visits.html", groups=rows, items=ITEMS, only=only, older=older, format_time=format_time, now=now
    )


async def _done(caller: Caller, worklist: Worklist, before: str) -> Response:
    given = _BEFORE.fullmatch(before)
    found = await worklist.settled(caller.facility, (int(given[1]), given[2]) if given else None, PAGE + 1)
    shown, now = found[:PAGE], caller.now
    older = f"{shown[-1].settled_at}-{shown[-1].visit.id}" if len(found) > PAGE else ""
    return _list(caller, {"done": [(standing(each, now), each) for each in shown]}, "done", older)


@router.get("/{visit}")
async def show(caller: Staff, importer: TheImporter, copies: TheCopies, visit: str) -> Response:
    """Show one visit: what was chosen, said and seen, and what can be done."""
    return await _page(caller, importer, copies, await followed_by(caller, importer.worklist, visit))


async def _page(
    caller: Caller,
    importer: Importer,
    copies: Copies,
    followed: Followed,
    wrong: Mapping[str, str] | None = None,
    *,
    late: str = "",
) -> Response:
    """Answer a visit's page; `wrong`: errors by field (422), `late`: why the form is stale (409)."""
    place = standing(followed, caller.now)
    near = await importer.registry.near(caller.facility, followed.visit.reference, *window(followed))
    says_so = followed.person if followed.sight and followed.sight.source == "file" else ""
    offered = [each for each in candidates(followed, near) if each.known.id != says_so][:OFFERED]
    values = {
        "followed": followed,
        "visit": followed.visit,
        "standing": place,
        "is_done": place in DONE,
        "compared": compared(followed.visit, followed.sight) if followed.sight else (),
        "offered": offered,
        "elsewhere": await _matched_elsewhere(caller, importer.registry, offered),
        "has_names": any(each.known.names for each in offered),
        "flags": FLAGS,
        "wrong": wrong or {},
        "late": late,
        "sent": caller.sent,
        "copies": await copies.of(caller.facility, followed.visit.id),
        "wishes": WISHES,
        "history": await happened(importer.worklist, importer.registry, followed),
        "answers": named(followed.asked),
        "has_copy": has_copy(followed.visit),
        "copied_again": caller.request.query_params.get("copied") == "again",
        "now": caller.now,
        "key": new_secret(),
        "format_time": format_time,
        "place": "/office/visits",
    }
    status = 409 if late else 422 if wrong else 200
    if not values["has_names"]:
        return caller.page("visit.html", status=status, **values)
    answer = shown_briefly(caller, "visit.html", values, has_names=True)
    answer.status_code = status
    return answer


async def _matched_elsewhere(caller: Caller, consents: ConsentList, offered: Iterable[Candidate]) -> set[str]:
    """Return the ids of offered people who are already matched with a visit."""
    people = [each.known.id for each in offered]
    return {each for each in people if await consents.visits_of(caller.facility, each)}


# --- what the office does -------------------------------------------------------------------------------------------


@router.post("/{visit}/seen")
async def see(caller: Staff, importer: TheImporter, copies: TheCopies, visit: str) -> Response:
    """Record what somebody saw on the terminal's screen."""
    worklist = importer.worklist
    followed = await followed_by(caller, worklist, visit)
    sight, wrong = _sight(caller, caller.now)
    if sight is None:
        return await _page(caller, importer, copies, followed, wrong)
    place = standing(Followed(followed.visit, followed.handed_off_at, sight), sight.at)
    body: Body = {
        "by": caller.officer.account.id,
        "from": "screen",
        "found": sight.found,
        "flags": dict(sight.flags),
        "consented_on": str(sight.consented_on or ""),
        "available_until": sight.available_until,
        "reference": followed.visit.reference,
    }
    act = Act(
        facility=caller.facility,
        visit=followed.visit.id,
        key=caller.key,
        type=EventType.VERIFIED,
        at=sight.at,
        body=body,
        is_settled=place in DONE,
        sight=sight,
        answers=caller.sent.get("answers", ""),
    )
    if await worklist.record(act) is Written.KEY_REUSED:
        again = await followed_by(caller, worklist, visit)
        return await _page(caller, importer, copies, again, late=_SENT_TWICE)
    return caller.go(f"/office/visits/{followed.visit.id}")


@router.post("/{visit}/match")
async def match(caller: Staff, importer: TheImporter, copies: TheCopies, visit: str) -> Response:
    """Match a visit with a person of the terminal's files, as somebody confirmed after seeing the grounds."""
    followed = await followed_by(caller, importer.worklist, visit)
    known = await importer.registry.person(caller.facility, caller.sent.get("person", ""))
    if known is None:
        return await _page(caller, importer, copies, followed, {"person": "この訪問の方をえらんでください"})
    who = caller.officer.account
    if await importer.see(followed, known, (who.id, who.name), key=caller.key) is None:
        again = await followed_by(caller, importer.worklist, visit)
        return await _page(caller, importer, copies, again, late=_SENT_TWICE)
    return caller.go(f"/office/visits/{followed.visit.id}")


@router.post("/{visit}/close")
async def close(caller: Staff, importer: TheImporter, copies: TheCopies, visit: str) -> Response:
    """Close a visit for a reason; 409 if it was closed, or a wish came in, since the page was shown."""
    worklist = importer.worklist
    followed = await followed_by(caller, worklist, visit)
    why = _CLOSINGS.get(caller.sent.get("why", ""))
    if why is None:
        return await _page(caller, importer, copies, followed, {"why": "理由をえらんでください"})
    if followed.asked and why is not Closing.ANSWERED:
        wrong = {"why": "申し出があります。答えてから閉じてください"}
        return await _page(caller, importer, copies, followed, wrong)
    closed = Closed(caller.now, caller.officer.account.name, why)
    act = Act(
        facility=caller.facility,
        visit=followed.visit.id,
        key=caller.key,
        type=EventType.CLOSED,
        at=closed.at,
        body={"by": caller.officer.account.id, "why": why.value},
        closed=closed,
        answers=caller.sent.get("answers", ""),
    )
    written = await worklist.record(act)
    if written not in {Written.STALE, Written.KEY_REUSED}:
        return caller.go("/office/visits")
    again = await followed_by(caller, worklist, visit)
    since = _CLOSED_SINCE if again.closed else _ASKED_SINCE
    late = since if written is Written.STALE else _SENT_TWICE
    return await _page(caller, importer, copies, again, late=late)


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
