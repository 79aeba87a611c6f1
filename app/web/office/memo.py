"""The paper memo for visits without phone or signal, and its transcript at the office."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from fastapi import APIRouter, Response
from markupsafe import Markup

from app.ports.store import Change, Submission, Written
from app.rules.record.evidence import hashed
from app.rules.visit.transcript import OLDEST, day_typed, items_of, paper_code, shown_again, typed
from app.rules.visit.visit import Visit
from app.rules.words.furigana import plain
from app.rules.words.languages import BY_CODE, LANGUAGES, OFFICIAL
from app.tokens import new_secret
from app.web.kit.pages import Look
from app.web.office.desk import Caller, Staff, is_day

_KEY: Final = 64
_LABELS: Final = {
    "day": "訪問の日",
    "reference": "照会番号（あれば）",
    "over_40": "40歳以上",
    "operator": "印を付けた人",
    "language": "紙のことば",
    "paper_code": "紙の文字（6文字）",
}

router = APIRouter()


@router.get("/office/memo")
async def show_memo(caller: Staff) -> Response:
    """Show the memo as it prints, in the patient's language."""
    asked, today = caller.request.query_params, caller.today
    language = BY_CODE.get(asked.get("language", ""), OFFICIAL)
    look = Look("m", asked.get("furigana") == "1", language, is_patients=True)
    items = items_of(today)
    sheet = caller.desk.pages.html("print/memo.html", look, facility=caller.officer.facility, items=items)
    return caller.page(
        "memo.html",
        sheet=Markup(sheet),  # noqa: S704 - a page of ours
        language=language,
        has_readings=look.has_readings,
        paper_code=paper_code(language, items),
        today=today,
    )


@router.get("/office/visits/transcribe")
async def ask(caller: Staff) -> Response:
    """Show the form for a transcript."""
    return _page(caller)


def _page(caller: Caller, wrong: Mapping[str, str] | None = None, already: Visit | None = None) -> Response:
    today, sent = caller.today, shown_again(caller.sent)
    items = items_of(day_typed(sent.get("day", ""), today) or today)
    return caller.page(
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


@router.post("/office/visits/transcribe")
async def transcribe(caller: Staff) -> Response:
    """Validate a transcript and save it as a visit of its day; 409 if the form's key was used for another."""
    paper, wrong = typed(caller.sent, caller.today)
    if paper is None:
        return _page(caller, wrong)
    account, now = caller.officer.account, caller.now
    key = f"transcript {caller.facility} {(caller.sent.get('key', '') or new_secret())[:_KEY]}"
    # The visit's id follows from the form's key, so a second press leads to the visit of the first.
    which = hashed(key)[:32]
    visit = paper.visit(which, caller.facility, caller.desk.bedside.route, by=account.name, now=now)
    event, submission = paper.event(by=account.id, now=now), Submission(key, 0, paper.fingerprint())
    if await caller.desk.store.write(Change(visit, (event,), submission)) is Written.KEY_REUSED:
        return _page(caller, already=visit)
    return caller.go(f"/office/visits/{which}")
