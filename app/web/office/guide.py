"""The guide at the office: every topic two clicks away, and the station's own notes in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.content.guide import GUIDE
from app.digits import find, has_my_number
from app.facility import Note
from app.web.bedside import STATION_COOKIE
from app.web.office.desk import Caller, Desk, Endpoint

_LONGEST: Final = 500
_NUMBER: Final = 20
_YEAR: Final = 365 * 24 * 3600


@dataclass(frozen=True)
class GuideDesk:
    """The office's door to the guide."""

    desk: Desk

    def endpoints(self) -> dict[tuple[str, str], Endpoint]:
        """Return what stands behind these doors."""
        return {("GET", "/office/guide"): self.index, ("POST", "/office/guide/note"): self.write}

    async def index(self, caller: Caller) -> Response:
        """Show every topic; from here on the guide is this station's."""
        answer = await self._page(caller)
        answer.set_cookie(
            STATION_COOKIE,
            caller.facility,
            max_age=_YEAR,
            secure=self.desk.is_secure,
            httponly=True,
            samesite="lax",
            path="/",
        )
        return answer

    async def _page(self, caller: Caller, *, wrong: str = "", given: Note | None = None) -> Response:
        notes = await self.desk.office.notes(caller.facility)
        topic = caller.request.query_params.get("note", "")
        return self.desk.page(
            caller,
            "guide.html",
            status=422 if wrong else 200,
            guide=GUIDE,
            notes=notes,
            wrong=wrong,
            writing=given or notes.get(topic) or Note(caller.facility, topic, "", "", "", 0),
        )

    async def write(self, caller: Caller) -> Response:
        """Keep a note, or take it away when it is empty."""
        topic = caller.sent.get("topic", "")
        if topic not in GUIDE.topics:
            raise HTTPException(404)
        text = caller.sent.get("text", "").replace("\r\n", "\n").strip()
        note = Note(
            caller.facility,
            topic,
            text,
            caller.sent.get("telephone", "").strip(),
            caller.officer.account.name,
            self.desk.clock.now(),
        )
        wrong = _problem(note)
        if wrong:
            return await self._page(caller, wrong=wrong, given=note)
        await self.desk.office.save_note(note)
        return self.desk.go(f"/office/guide#{topic}")


def _problem(note: Note) -> str:
    if has_my_number(note.text) or has_my_number(note.telephone):
        return "マイナンバーのように見える数字があります。ここには書けません"
    if len(note.text) > _LONGEST:
        return f"{_LONGEST}文字までにしてください"
    is_number = find(note.telephone, number_expected=True, limit=_NUMBER) is None
    return "" if not note.telephone or is_number else "電話番号は、数字とハイフンだけで入れてください"
