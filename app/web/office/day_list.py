"""The day's list: numbers that need a registration at that day's visits, the day's word, and the printed sheet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from app.ports.office import DayLists, Worklist
from app.rules.station.day_list import AHEAD, KEPT, MOST, Need, Planned, new_word, typed
from app.rules.visit.standing import Followed, Standing, standing
from app.rules.words.dates import format_time
from app.rules.words.furigana import plain
from app.web.kit.parts import TheDayLists, TheWorklist
from app.web.office.desk import Caller, Staff, is_day

_NEEDS: Final = {each.value: each for each in Need}
_YES_OR_NO: Final = {"yes": True, "no": False}
_AT_HAND: Final = 5
"""How many days are linked at the top of the page."""
_CHOICES: Final = range(-KEPT, 61)
"""The days that can be chosen, relative to today."""
_WEEKDAYS: Final = "月火水木金土日"


router = APIRouter(prefix="/office/today")


@router.get("")
async def show(caller: Staff, day_lists: TheDayLists, worklist: TheWorklist) -> Response:
    """Show a day's list, its word, and what became of each number."""
    day = _shown(caller.request.query_params.get("day", ""), caller.today)
    return await _page(caller, day_lists, worklist, day)


async def _page(
    caller: Caller, day_lists: DayLists, worklist: Worklist, day: date, wrong: Mapping[str, str] | None = None
) -> Response:
    today = caller.today
    planned = await day_lists.on(caller.facility, day)
    word = await day_lists.word(caller.facility, day) if day >= today else None
    return caller.page(
        "today.html",
        status=422 if wrong else 200,
        day=day,
        today=today,
        in_words=_in_words,
        days=[today + timedelta(days=ahead) for ahead in range(_AT_HAND)],
        choices=sorted({day, *(today + timedelta(days=ahead) for ahead in _CHOICES)}),
        rows=[(each, await _became(worklist, each, caller.now)) for each in planned],
        word=word or "",
        sent=caller.sent,
        wrong=wrong or {},
        added=_count(caller.request.query_params.get("added", "")),
        most=MOST,
        format_time=format_time,
        place="/office/today",
    )


async def _became(worklist: Worklist, planned: Planned, now: int) -> tuple[Standing, Followed] | None:
    """Return the visit that was begun with a number, once it has reached the office."""
    found = await worklist.followed(planned.facility, planned.visit) if planned.visit else None
    return (standing(found, now), found) if found else None


@router.get("/print")
async def sheet(caller: Staff, day_lists: TheDayLists) -> Response:
    """Show a day's list as it prints."""
    day = _shown(caller.request.query_params.get("day", ""), caller.today)
    return caller.page(
        "today-sheet.html",
        day=day,
        in_words=_in_words,
        planned=await day_lists.on(caller.facility, day),
        now=format_time(caller.now),
        print_now="now" in caller.request.query_params,
        place="/office/today",
    )


# --- what the office does -------------------------------------------------------------------------------------------


@router.post("")
async def put(caller: Staff, day_lists: TheDayLists, worklist: TheWorklist) -> Response:
    """Put numbers on a day's list, or change what they need there."""
    sent, day = caller.sent, _ahead(caller.sent.get("day", ""), caller.today)
    numbers, wrong = _numbers(sent.get("references", ""))
    need, over_40 = _NEEDS.get(sent.get("need", "")), _YES_OR_NO.get(sent.get("over_40", ""))
    if need is None or over_40 is None or day is None or wrong:
        wrong |= {"need": "どちらかをえらんでください"} if need is None else {}
        wrong |= {"over_40": "どちらかをえらんでください"} if over_40 is None else {}
        wrong |= {} if day else {"day": f"今日から{AHEAD}日先までの日にしてください"}
        again = replace(caller, sent={**sent, "references": typed(sent.get("references", "")).again})
        return await _page(again, day_lists, worklist, day or caller.today, wrong)
    by = caller.officer.account.name
    planned = Planned(caller.facility, day, "", need, over_40, at=caller.now, by=by)
    await day_lists.put([replace(planned, reference=number) for number in numbers])
    await day_lists.give_word(caller.facility, day, new_word())
    return caller.go(f"/office/today?day={day}&added={len(numbers)}")


@router.post("/change")
async def change(caller: Staff, day_lists: TheDayLists) -> Response:
    """Change what a number on the list needs; fields that are not sent stay."""
    sent, day = caller.sent, _day(caller)
    for each in await day_lists.on(caller.facility, day):
        if each.reference == sent.get("reference"):
            need = _NEEDS.get(sent.get("need", ""), each.need)
            over_40 = _YES_OR_NO.get(sent.get("over_40", ""), each.over_40)
            by = caller.officer.account.name
            await day_lists.put([replace(each, need=need, over_40=over_40, at=caller.now, by=by)])
    return caller.go(f"/office/today?day={day}")


@router.post("/remove")
async def remove(caller: Staff, day_lists: TheDayLists) -> Response:
    """Take a number off a day's list."""
    day = _day(caller)
    await day_lists.remove(caller.facility, day, caller.sent.get("reference", ""))
    return caller.go(f"/office/today?day={day}")


# --- days -----------------------------------------------------------------------------------------------------------


def _shown(text: str, today: date) -> date:
    """Return the day that is asked for, or today."""
    day = date.fromisoformat(text) if is_day(text) else today
    return day if -KEPT <= (day - today).days <= AHEAD else today


def _ahead(text: str, today: date) -> date | None:
    """Return a day on whose list something may be put, or None."""
    day = date.fromisoformat(text) if is_day(text) else None
    return day if day and 0 <= (day - today).days <= AHEAD else None


def _day(caller: Caller) -> date:
    """Return the form's day, or raise 404."""
    text = caller.sent.get("day", "")
    if not is_day(text):
        raise HTTPException(404)
    return date.fromisoformat(text)


def _in_words(day: date) -> str:
    """Return a day as people say it: 11月22日（日）."""
    return f"{day.month}月{day.day}日（{_WEEKDAYS[day.weekday()]}）"


def _count(text: str) -> int:
    """Return how many numbers an address says were put on the list."""
    is_count = text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and int(text) <= MOST
    return int(text) if is_count else 0


def _numbers(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    found = typed(text)
    if found.problems:
        return (), {"references": "　".join(f"{line}行目：{plain(why)}。" for line, why in found.problems.items())}
    if not found.numbers:
        return (), {"references": "照会番号を、1行に1つずつ入れてください"}
    if len(found.numbers) > MOST:
        return (), {"references": f"一度に入れられるのは、{MOST}件までです"}
    return found.numbers, {}
