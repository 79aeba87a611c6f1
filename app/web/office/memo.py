"""The paper memo for visits without phone or signal, and its transcript at the office."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup
from starlette.responses import Response

from app.ports.store import Change, Submission, Written
from app.rules.record.evidence import hashed
from app.rules.station.account import Access
from app.rules.visit.flow import Route, Visit
from app.rules.visit.transcript import OLDEST, day_typed, items_of, paper_code, shown_again, typed
from app.rules.words.dates import day_of
from app.rules.words.furigana import plain
from app.rules.words.languages import BY_CODE, LANGUAGES, OFFICIAL
from app.tokens import new_secret
from app.web.kit.pages import Look
from app.web.office.desk import Caller, Desk, OfficeRoute, is_day

_KEY: Final = 64
_LABELS: Final = {
    "day": "訪問の日",
    "reference": "照会番号（あれば）",
    "over_40": "40歳以上",
    "operator": "印を付けた人",
    "language": "紙のことば",
    "paper_code": "紙の文字（6文字）",
}


@dataclass(frozen=True)
class MemoDesk:
    """The memo and its transcripts."""

    desk: Desk
    route: Route

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/memo", Access.STAFF, self.sheet),
            OfficeRoute("GET", "/office/visits/transcribe", Access.STAFF, self.ask),
            OfficeRoute("POST", "/office/visits/transcribe", Access.STAFF, self.transcribe),
        ]

    async def sheet(self, caller: Caller) -> Response:
        """Show the memo as it prints, in the patient's language."""
        asked, today = caller.request.query_params, self._today()
        language = BY_CODE.get(asked.get("language", ""), OFFICIAL)
        look = Look("m", asked.get("furigana") == "1", language, is_patients=True)
        items = items_of(today)
        sheet = self.desk.pages.html("print/memo.html", look, facility=caller.officer.facility, items=items)
        return self.desk.page(
            caller,
            "memo.html",
            sheet=Markup(sheet),  # noqa: S704 - a page of ours
            language=language,
            has_readings=look.has_readings,
            paper_code=paper_code(language, items),
            today=today,
        )

    async def ask(self, caller: Caller) -> Response:
        """Show the form for a transcript."""
        return self._page(caller)

    def _page(self, caller: Caller, wrong: Mapping[str, str] | None = None, already: Visit | None = None) -> Response:
        today, sent = self._today(), shown_again(caller.sent)
        items = items_of(day_typed(sent.get("day", ""), today) or today)
        return self.desk.page(
            caller,
            "transcribe.html",
            status=409 if already else 422 if wrong else 200,
            already=already,
            items=items,
            labels={**_LABELS, **{item.id: plain(item.name) for item in items}},
            languages={each.code: each.name for each in LANGUAGES},
            tags={each.code: each.tag for each in LANGUAGES},
            earliest=today - timedelta(days=OLDEST),
            today=today,
            sent={**sent, "day": sent["day"] if is_day(sent.get("day", "")) else ""},
            wrong=wrong or {},
            key=(not already and sent.get("key")) or new_secret(),
            place="/office/visits",
        )

    async def transcribe(self, caller: Caller) -> Response:
        """Validate a transcript and save it as a visit of its day; 409 if the form's key was used for another."""
        paper, wrong = typed(caller.sent, self._today())
        if paper is None:
            return self._page(caller, wrong)
        account, now = caller.officer.account, self.desk.clock.now()
        key = f"transcript {caller.facility} {(caller.sent.get('key', '') or new_secret())[:_KEY]}"
        # The visit's id follows from the form's key, so a second press leads to the visit of the first.
        which = hashed(key)[:32]
        visit = paper.visit(which, caller.facility, self.route, by=account.name, now=now)
        event, submission = paper.event(by=account.id, now=now), Submission(key, 0, paper.fingerprint())
        if await self.desk.store.write(Change(visit, (event,), submission)) is Written.KEY_REUSED:
            return self._page(caller, already=visit)
        return self.desk.go(f"/office/visits/{which}")

    def _today(self) -> date:
        return day_of(self.desk.clock.now())
