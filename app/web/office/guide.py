"""The guide at the office: all topics, and the station's own notes."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from app.rules.content.guide import GUIDE
from app.rules.station.station import Note
from app.rules.words.digits import ascii_digits, has_my_number
from app.web.bedside.seat import STATION_COOKIE
from app.web.office.desk import Admin, Caller, Staff

_LONGEST: Final = 500
_NUMBER: Final = 20
_DIGITS: Final = re.compile(r"\+?[0-9][0-9-]*")
_FOUR: Final = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])")
_SECRET: Final = re.compile("暗証|あんしょう|pin", re.IGNORECASE)
_TWELVE: Final = re.compile(r"(?<![0-9])[0-9]{12}(?![0-9])")
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class WrongNote:
    """What is wrong with a note, and in which of its fields."""

    field: str
    says: str


router = APIRouter(prefix="/office/guide")


@router.get("")
async def index(caller: Staff) -> Response:
    """Show every topic; sets the station cookie, so that the guide's pages show this station's notes."""
    answer = await _page(caller)
    secure = caller.desk.is_secure
    answer.set_cookie(STATION_COOKIE, caller.facility, max_age=_YEAR, secure=secure, httponly=True, samesite="lax")
    return answer


async def _page(caller: Caller, *, wrong: WrongNote | None = None, given: Note | None = None) -> Response:
    notes = await caller.desk.office.notes(caller.facility)
    topic = caller.request.query_params.get("note", "")
    return caller.page(
        "guide.html",
        status=422 if wrong else 200,
        guide=GUIDE,
        notes=notes,
        wrong=wrong,
        writing=given or notes.get(topic) or Note(caller.facility, topic, text="", telephone="", by="", at=0),
    )


@router.post("/note")
async def write(caller: Admin) -> Response:
    """Validate and save a note; an empty one is deleted."""
    topic = caller.sent.get("topic", "")
    if topic not in GUIDE.topics:
        raise HTTPException(404)
    note = Note(
        facility=caller.facility,
        topic=topic,
        text=caller.sent.get("text", "").replace("\r\n", "\n").strip(),
        telephone=unicodedata.normalize("NFKC", caller.sent.get("telephone", "")).strip(),
        by=caller.officer.account.name,
        at=caller.now,
    )
    wrong = _problem(note)
    if wrong:
        return await _page(caller, wrong=wrong, given=note)
    await caller.desk.office.save_note(note)
    return caller.go(f"/office/guide#{topic}")


def _problem(note: Note) -> WrongNote | None:
    """Return why a note is refused. Notes are public, so they hold words and a telephone number only."""
    for field, text in (("text", note.text), ("telephone", note.telephone)):
        if _has_twelve_digits(text):
            return WrongNote(field, "12けたの数字があります。マイナンバーのように見えるので、書けません")
    if _has_four_digits(note.text):
        return WrongNote("text", "4けたの数字があります。暗証番号のように見えるので、書けません")
    if len(note.text) > _LONGEST:
        return WrongNote("text", f"メモは、{_LONGEST}文字までにしてください")
    if not all(line.isprintable() for line in note.text.split("\n")):
        return WrongNote("text", "メモに、使えない文字があります")
    if note.telephone and (len(note.telephone) > _NUMBER or not _DIGITS.fullmatch(note.telephone)):
        return WrongNote("telephone", "電話番号は、数字とハイフンだけで入れてください")
    return None


def _has_four_digits(text: str) -> bool:
    """Whether a text may hold a PIN: four digits alone, or in a text that names PINs. 「内線 1234」 is none."""
    seen = ascii_digits(text)
    return bool(_FOUR.fullmatch(seen) or (_SECRET.search(seen) and _FOUR.search(seen)))


def _has_twelve_digits(text: str) -> bool:
    """Whether a word has twelve digits or several make a My Number: 「0120-000113 24時間」 is neither."""
    return has_my_number(text) or any(_TWELVE.search(ascii_digits(word)) for word in text.split())
