"""One person of the list: shows, exports and erases all that is kept of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.ports.consent_list import ConsentList
from app.ports.office import Worklist
from app.ports.store import Ledger, Logged
from app.rules.record.evidence import Body, Event, EventType, Head
from app.rules.record.gap import Erasure
from app.rules.station.account import Access
from app.rules.terminal.consent_list import Insured, ListedPerson, merged_flags
from app.rules.terminal.consent_rows import SOON, cell, era, flag_name, is_40, last_end, left, sex, validity
from app.rules.terminal.values import Consent
from app.rules.visit.standing import Followed, compared, standing
from app.rules.words.dates import day_of, format_time
from app.web.office.consent_list import LIST, shown_briefly
from app.web.office.desk import Caller, Desk, OfficeRoute
from app.work import forgetting
from app.work.importing import Importer

_SURE: Final = 60
"""Days before a 40th birthday on which `over_40` is not prefilled."""


@dataclass(frozen=True)
class PersonDesk:
    """The pages of one person, and the sheet of one visit."""

    desk: Desk
    importer: Importer
    ledger: Ledger

    @property
    def registry(self) -> ConsentList:
        """The store of the list of consents."""
        return self.importer.registry

    @property
    def worklist(self) -> Worklist:
        """The store of the worklist."""
        return self.importer.worklist

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", f"{LIST}/{{person}}", Access.STAFF, self.show),
            OfficeRoute("POST", f"{LIST}/{{person}}/record", Access.STAFF, self.record),
            OfficeRoute("GET", f"{LIST}/{{person}}/erase", Access.ADMIN, self.before_erasing),
            OfficeRoute("POST", f"{LIST}/{{person}}/erase", Access.ADMIN, self.erase),
            OfficeRoute("GET", "/office/visits/{visit}/print", Access.STAFF, self.paper),
        ]

    async def _found(self, caller: Caller) -> ListedPerson:
        found = await self.registry.person(caller.facility, caller.request.path_params["person"])
        if found is None:
            raise HTTPException(404)
        return found

    async def _keeps_names(self, caller: Caller) -> bool:
        return (await self.desk.office.station(caller.facility)).keeps_names

    async def _visits(self, caller: Caller, person: str) -> list[Followed]:
        ids = await self.registry.visits_of(caller.facility, person)
        found = [await self.worklist.followed(caller.facility, visit) for visit in ids]
        return [each for each in found if each is not None]

    async def show(self, caller: Caller) -> Response:
        """Show all that is kept of a person."""
        known, keeps_names = await self._found(caller), await self._keeps_names(caller)
        now = self.desk.clock.now()
        names = known.names if keeps_names else None
        values: dict[str, Any] = {
            "known": known,
            "names": names,
            "keeps_names": keeps_names,
            "era": era(names) if names else "",
            "sex": sex(names.sex) if names else "",
            "validity": validity(known.validity),
            "ends": format_time(last_end(known)),
            "left": left(last_end(known), now),
            "insurances": [(each, list(_flags(each.consents))) for each in known.results],
            "merged": [(flag_name(flag), cell(merged)) for flag, merged in known.merged.items()],
            "history": [_told(each) for each in await self.registry.history(caller.facility, known.id)],
            "visits": await self._visits(caller, known.id),
            "today": day_of(now).isoformat(),
            "over_40": _is_over_40(known, now) if keeps_names else "",
            "format_time": format_time,
            "soon": SOON,
            "place": LIST,
        }
        return shown_briefly(self.desk, caller, "person.html", values, has_names=names is not None)

    # --- export ---------------------------------------------------------------------------------------------------

    async def record(self, caller: Caller) -> Response:
        """Export all that is kept of a person as JSON, for themselves, and record an `EXPORTED` event."""
        known, now = await self._found(caller), self.desk.clock.now()
        history = await self.registry.history(caller.facility, known.id)
        kept = {
            "made_at": format_time(now),
            "station": caller.officer.facility.name,
            "names": asdict(known.names) if known.names and await self._keeps_names(caller) else None,
            "references": list(known.references),
            "validity": {"code": known.validity, "words": validity(known.validity)},
            "seen_at": format_time(known.seen_at),
            "insurances": [
                {"kind": each.card, "consents": [_as_given(consent) for consent in each.consents]}
                for each in known.results
            ],
            "history": [_told(each) for each in history],
            "visits": [_of_visit(each) for each in await self._visits(caller, known.id)],
            "medical_data": None,
        }
        body: Body = {"by": caller.officer.account.id, "what": "person", "format": "json", "count": 1}
        # The subject of a person's events in the record.
        await self.registry.note(caller.facility, f"person {known.id}", Event(EventType.EXPORTED, now, body))
        return Response(
            json.dumps(kept, ensure_ascii=False, indent=2),
            media_type="application/json",
            headers={"Content-Disposition": f'attachment; filename="kazasu-person-{day_of(now):%Y%m%d}.json"'},
        )

    # --- erasure --------------------------------------------------------------------------------------------------

    async def before_erasing(self, caller: Caller) -> Response:
        """Show what erasing a person removes, and what stays."""
        return await self._before_erasing(caller, await self._found(caller))

    async def _before_erasing(self, caller: Caller, known: ListedPerson, wrong: str = "") -> Response:
        names = known.names if await self._keeps_names(caller) else None
        visits = len(await self._visits(caller, known.id))
        values = {"known": known, "names": names, "visits": visits, "wrong": wrong, "place": LIST}
        answer = shown_briefly(self.desk, caller, "person-erase.html", values, has_names=names is not None)
        answer.status_code = 422 if wrong else 200
        return answer

    async def erase(self, caller: Caller) -> Response:
        """Erase a person: destroy their key and all that was kept of them."""
        known = await self._found(caller)
        if caller.sent.get("understood") != "yes":
            return await self._before_erasing(caller, known, "消えるものを確かめて、チェックを入れてください")
        by, now, store = caller.officer.account.id, self.desk.clock.now(), self.desk.store
        visits = await store.matched(caller.facility, known.id)
        await forgetting.erase(store, self.ledger, [Erasure(caller.facility, known.id, now, visits)], by, now)
        return self.desk.go(f"{LIST}?erased=1")

    # --- one visit on paper ---------------------------------------------------------------------------------------

    async def paper(self, caller: Caller) -> Response:
        """Show one visit's standing for printing, under its code and without a name."""
        followed = await self.worklist.followed(caller.facility, caller.request.path_params["visit"])
        if followed is None:
            raise HTTPException(404)
        now = self.desk.clock.now()
        head: Head = await self.desk.store.head(caller.facility)
        return self.desk.page(
            caller,
            "visit-paper.html",
            followed=followed,
            visit=followed.visit,
            standing=standing(followed, now),
            compared=compared(followed.visit, followed.sight) if followed.sight else (),
            head=head,
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
        "reference": visit.answer("need", "reference"),
        "withdraws": visit.withdraws,
        "choices": {} if visit.withdraws else dict(visit.answers.get("consent", {})),
        "report": visit.answer("result", "report"),
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
