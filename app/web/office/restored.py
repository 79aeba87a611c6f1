"""A read-only record, older than it is known to have been: shows what is missing, and takes its acceptance."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app.rules.words.dates import format_time
from app.web.kit.parts import TheLedger
from app.web.office.desk import Admin, Caller, Staff
from app.work import forgetting

router = APIRouter(prefix="/office/restored")


@router.get("")
async def show(caller: Staff) -> Response:
    """Show what is known, what was found, and what is missing."""
    return _page(caller)


def _page(caller: Caller, wrong: str = "") -> Response:
    return caller.page(
        "restored.html",
        status=422 if wrong else 200,
        wrong=wrong,
        goes_on="on" in caller.request.query_params,
        format_time=format_time,
    )


@router.post("")
async def accept(caller: Admin, ledger: TheLedger) -> Response:
    """End the read-only state, with an event in the record that says by whom."""
    if caller.gap is None:
        return caller.go("/office/restored")
    if caller.sent.get("understood") != "yes":
        return _page(caller, "足りないものを確かめて、印をつけてください")
    await forgetting.accept(caller.desk.store, ledger, caller.facility, caller.officer.account.id, caller.now)
    return caller.go("/office/restored?on=1")
