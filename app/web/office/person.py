"""One person of the list: shows, exports and erases all that is kept of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Response

from app.ports.consent_list import ConsentList
from app.ports.office import Worklist
from app.ports.store import Logged
from app.rules.record.event import Body, Event, EventType
from app.rules.record.gap import Erasure
from app.rules.terminal.consent_list import Insured, ListedPerson, merged_flags
from app.rules.terminal.consent_rows import SOON, cell, era, flag_name, is_40, last_end, left, sex, validity
from app.rules.terminal.values import Consent
from app.rules.visit.standing import Followed, compared, standing
from app.rules.words.dates import day_of, format_time
from app.web.kit.parts import TheConsents, TheLedger, TheWorklist
from app.web.office.consent_list import LIST, keeps_names, shown_briefly
from app.web.office.desk import Admin, Caller, Staff
from app.web.office.worklist import followed_by
from app.work import forgetting

_SURE: Final = 60
"""Days before a 40th birthday on which `over_40` is not prefilled."""


router = APIRouter()


@router.get(f"{LIST}/{{person}}")
async def show(caller: Staff, consents: TheConsents, worklist: TheWorklist, person: str) -> Response:
    """Show all that is kept of a person."""
    known, has_names = await _found(caller, consents, person), await keeps_names(caller)
    now = caller.now
    names = known.names if has_names else None
    values: dict[str, Any] = {
        "known": known,
        "names": names,
        "keeps_names": has_names,
        "era": era(names) if names else "",
        "sex": sex(names.sex) if names else "",
        "validity": validity(known.validity),
        "ends": format_time(last_end(known)),
        "left": left(last_end(known), now),
        "insurances": [(each, list(_flags(each.consents))) for each in known.results],
        "merged": [(flag_name(flag), cell(merged)) for flag, merged in known.merged.items()],
        "history": [_told(each) for each in await consents.history(caller.facility, known.id)],
        "visits": await _visits(caller, consents, worklist, known.id),
        "today": day_of(now).isoformat(),
        "over_40": _is_over_40(known, now) if has_names else "",
        "format_time": format_time,
        "soon": SOON,
        "place": LIST,
    }
    return shown_briefly(caller, "person.html", values, has_names=names is not None)


async def _found(caller: Caller, consents: ConsentList, person: str) -> ListedPerson:
    found = await consents.person(caller.facility, person)
    if found is None:
        raise HTTPException(404)
    return found


async def _visits(caller: Caller, consents: ConsentList, worklist: Worklist, person: str) -> list[Followed]:
    ids = await consents.visits_of(caller.facility, person)
    found = [await worklist.followed(caller.facility, visit) for visit in ids]
    return [each for each in found if each is not None]


# --- export ---------------------------------------------------------------------------------------------------------


@router.post(f"{LIST}/{{person}}/record")
async def record(caller: Staff, consents: TheConsents, worklist: TheWorklist, person: str) -> Response:
    """Export all that is kept of a person as JSON, for themselves, and record an `EXPORTED` event."""
    known, now = await _found(caller, consents, person), caller.now
    history = await consents.history(caller.facility, known.id)
    kept = {
        "made_at": format_time(now),
        "station": caller.officer.facility.name,
        "names": asdict(known.names) if known.names and await keeps_names(caller) else None,
        "references": list(known.references),
        "validity": {"code": known.validity, "words": validity(known.validity)},
        "seen_at": format_time(known.seen_at),
        "insurances": [
            {"kind": each.card, "consents": [_as_given(consent) for consent in each.consents]} for each in known.results
        ],
        "history": [_told(each) for each in history],
        "visits": [_of_visit(each) for each in await _visits(caller, consents, worklist, known.id)],
        "medical_data": None,
    }
    body: Body = {"by": caller.officer.account.id, "what": "person", "format": "json", "count": 1}
    # The subject of a person's events in the record.
    await consents.note(caller.facility, f"person {known.id}", Event(EventType.EXPORTED, now, body))
    return Response(
        json.dumps(kept, ensure_ascii=False, indent=2),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="kazasu-person-{day_of(now):%Y%m%d}.json"'},
    )


# --- erasure --------------------------------------------------------------------------------------------------------


@router.get(f"{LIST}/{{person}}/erase")
async def before_erasing(caller: Admin, consents: TheConsents, worklist: TheWorklist, person: str) -> Response:
    """Show what erasing a person removes, and what stays."""
    return await _before_erasing(caller, consents, worklist, await _found(caller, consents, person))


async def _before_erasing(
    caller: Caller, consents: ConsentList, worklist: Worklist, known: ListedPerson, wrong: str = ""
) -> Response:
    names = known.names if await keeps_names(caller) else None
    visits = len(await _visits(caller, consents, worklist, known.id))
    values = {"known": known, "names": names, "visits": visits, "wrong": wrong, "place": LIST}
    answer = shown_briefly(caller, "person-erase.html", values, has_names=names is not None)
    answer.status_code = 422 if wrong else 200
    return answer


@router.post(f"{LIST}/{{person}}/erase")
async def erase(
    caller: Admin, consents: TheConsents, worklist: TheWorklist, ledger: TheLedger, person: str
) -> Response:
    """Erase a person: destroy their key and all that was kept of them."""
    known = await _found(caller, consents, person)
    if caller.sent.get("understood") != "yes":
        why = "消えるものを確かめて、チェックを入れてください"
        return await _before_erasing(caller, consents, worklist, known, why)
    by, now, store = caller.officer.account.id, caller.now, caller.desk.store
    visits = await store.matched(caller.facility, known.id)
    await forgetting.erase(store, ledger, [Erasure(caller.facility, known.id, now, visits)], by, now)
    return caller.go(f"{LIST}?erased=1")


# --- one visit on paper ---------------------------------------------------------------------------------------------


@router.get("/office/visits/{visit}/print")
async def paper(caller: Staff, worklist: TheWorklist, visit: str) -> Response:
    """Show one visit's standing for printing, under its code and without a name."""
    followed, now = await followed_by(caller, worklist, visit), caller.now
    return caller.page(
        "visit-paper.html",
        followed=followed,
        visit=followed.visit,
        standing=standing(followed, now),
        compared=compared(followed.visit, followed.sight) if followed.sight else (),
        head=await caller.desk.store.head(caller.facility),
        printed=format_time(now),
        format_time=format_time,
        place="/office/visits",
    )


def _flags(consents: tuple[Consent, ...]) -> Iterator[dict[str, Any]]:
    """Yield the consents of one insurance as template values."""
    for each in consents:
        yield {
            "name": flag_name(each.flag.id if each.flag else each.name),
            "cell": cell(next(iter(merged_flags((Insured("", (each,)),)).values()))),
            "code": each.code,
            "at": format_time(each.consented_at) or each.time,
            "ends": format_time(each.available_until) or each.available,
        }


def _told(logged: Logged) -> dict[str, Any]:
    """Return an event of a person as template values; its body may have been removed."""
    body: Mapping[str, Any] = logged.body or {}
    flags = [flag_name(str(flag)) for flag in body.get("flags", ())]
    codes = {flag_name(str(flag)): code for flag, code in (body.get("codes") or {}).items()}
    return {
        "at": format_time(logged.entry.at),
        "type": logged.entry.type,
        "flags": flags,
        "codes": codes,
        "is_kept": logged.body is not None,
    }


def _as_given(consent: Consent) -> dict[str, str]:
    flag = consent.flag
    return {
        "item": flag_name(flag.id) if flag else consent.name,
        "code": consent.code,
        "meaning": consent.meaning.value,
        "consented_at": consent.time,
        "available_until": consent.available,
    }


def _of_visit(followed: Followed) -> dict[str, Any]:
    visit, sight = followed.visit, followed.sight
    seen = asdict(sight) if sight else None
    if seen:
        seen |= {"at": format_time(seen["at"]), "consented_on": str(seen["consented_on"] or "")}
    return {
        "code": visit.code,
        "opened_at": format_time(visit.opened_at),
        "handed_off_at": "" if visit.transcribed_by else format_time(followed.handed_off_at),
        "transcribed_at": format_time(visit.transcribed_at) if visit.transcribed_by else "",
        "transcribed_by": visit.transcribed_by,
        "reference": visit.reference,
        "withdraws": visit.withdraws,
        "choices": {} if visit.withdraws else dict(visit.answers.get("consent", {})),
        "report": visit.report,
        "seen": seen,
    }


def _is_over_40(known: ListedPerson, now: int) -> str:
    """Return yes or no for 40 or over; empty when it is unknown or changes within `_SURE` days."""
    born = known.names.born_on if known.names else None
    if born is None:
        return ""
    today = day_of(now)
    then = {is_40(born, today), is_40(born, today + timedelta(days=_SURE))}
    return ("yes" if then.pop() else "no") if len(then) == 1 else ""
