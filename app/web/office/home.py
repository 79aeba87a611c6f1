"""The office's first page, the station's settings, and its checklists."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from typing import Final

from fastapi import APIRouter, HTTPException, Response

from app.rules.content.office import CHECKLISTS
from app.rules.station.station import PROMISE, Station, StationProfile, Terminal, Tick, judge_code
from app.rules.visit.standing import NEEDY, standing
from app.rules.words.dates import format_time
from app.rules.words.digits import has_my_number
from app.rules.words.furigana import plain
from app.web.kit.parts import TheConsents, TheWorklist
from app.web.office.desk import Admin, Caller, Staff, is_day

_YES_OR_NO: Final = {"yes": True, "no": False}
_TERMINALS: Final = {each.value: each for each in Terminal}
_LONG: Final = 60
_RETENTION: Final = range(30, 3651)
_DECIDED_SINCE: Final = (
    "このあいだに、ほかの人が「端末のファイルの氏名」を変えました。まだ保存していません。"
    "いまの設定を見て、もう一度保存してください"
)
_TEXTS: Final = ("name", "code", "telephone", "hours", "router", "maintenance_telephone", "certificate_ends")

router = APIRouter()


@router.get("/office")
async def first(caller: Staff, worklist: TheWorklist) -> Response:
    """Show the live codes, and counts of what needs action."""
    office, facility = caller.desk.office, caller.facility
    entry, official = await office.links(facility, limit=1), await office.officials(facility, limit=1)
    dead = await office.prints(facility, only="dead", limit=200)
    return caller.page(
        "first.html",
        entry=entry[0] if entry else None,
        issued=format_time(entry[0].issued_at) if entry else "",
        official=official[0] if official else None,
        dead=len(dead),
        needy=sum(standing(each, caller.now) in NEEDY for each in await worklist.open(facility)),
        stations=await office.stations_of(caller.officer.account.id),
        station=await office.station(facility),
        checklists=[(each, await _done(caller, each.id)) for each in CHECKLISTS.values()],
    )


async def _done(caller: Caller, checklist: str) -> int:
    return len(await caller.desk.office.ticks(caller.facility, checklist, _period(checklist, caller.today)))


@router.post("/office/switch")
async def switch(caller: Staff) -> Response:
    """Move the sign-in to another of the account's stations; 404 for any other."""
    wanted = caller.sent.get("facility", "")
    stations = await caller.desk.office.stations_of(caller.officer.account.id)
    if wanted not in {facility.id for facility, _ in stations}:
        raise HTTPException(404)
    await caller.desk.office.move(caller.officer.sign_in.id, wanted)
    return caller.go("/office")


# --- the station ------------------------------------------------------------------------------------------------------


@router.get("/office/station")
async def show_station(caller: Admin) -> Response:
    """Show the station's settings."""
    station = await caller.desk.office.station(caller.facility)
    return _station(caller, caller.officer.facility, station, names_were=station.keeps_names)


def _station(
    caller: Caller,
    facility: Station,
    station: StationProfile,
    *,
    names_were: bool,
    wrong: dict[str, str] | None = None,
    late: str = "",
) -> Response:
    """Answer the station's page; `names_were` is whether names are kept now, whatever was chosen in the form."""
    return caller.page(
        "station.html",
        status=409 if late else 422 if wrong else 200,
        facility=facility,
        station=station,
        names_were="yes" if names_were else "no",
        wrong=wrong or {},
        late=late,
        warning=judge_code(facility.code).warning,
        saved="saved" in caller.request.query_params,
    )


@router.post("/office/station")
async def save_station(caller: Admin, consents: TheConsents) -> Response:
    """Validate and save the settings: 422 on errors, 409 if the names setting changed since the form was shown."""
    names_were = (await caller.desk.office.station(caller.facility)).keeps_names
    facility, station = _said(caller, names_were=names_were)
    if _YES_OR_NO.get(caller.sent.get("names_were", "")) is not names_were:
        return await _decided_since(caller, facility, station)
    wrong = _problems(facility, station)
    forgets = names_were and not station.keeps_names
    if forgets and caller.sent.get("forget") != "yes":
        wrong["forget"] = "いま残っている氏名が消えます。確かめて、チェックを入れてください"
    if wrong:
        return _station(caller, facility, station, names_were=names_were, wrong=wrong)
    if forgets:
        await consents.forget_names(facility.id)  # this turns the setting off, too
    if not await caller.desk.office.save_station(facility, station, names_were=names_were and not forgets):
        return await _decided_since(caller, facility, station)
    return caller.go("/office/station?saved=1")


async def _decided_since(caller: Caller, facility: Station, station: StationProfile) -> Response:
    """Show the typed values, with the names setting that was saved since the form was shown."""
    now = (await caller.desk.office.station(caller.facility)).keeps_names
    return _station(caller, facility, replace(station, keeps_names=now), names_were=now, late=_DECIDED_SINCE)


# --- checklists -------------------------------------------------------------------------------------------------------


@router.get("/office/checklist/{checklist}")
async def show_checklist(caller: Staff, checklist: str) -> Response:
    """Show a checklist with what is done."""
    found = CHECKLISTS.get(checklist)
    if found is None:
        raise HTTPException(404)
    ticks = await caller.desk.office.ticks(caller.facility, found.id, _period(found.id, caller.today))
    done = {row: f"{format_time(at)} {by}" for row, (at, by) in ticks.items()}
    station = await caller.desk.office.station(caller.facility)
    return caller.page("checklist.html", checklist=found, done=done, station=station)


@router.post("/office/checklist/{checklist}")
async def tick(caller: Staff, checklist: str) -> Response:
    """Tick a row, or take the tick away."""
    found = CHECKLISTS.get(checklist)
    row = caller.sent.get("row", "")
    if found is None or row not in {each.id for each in found.rows}:
        raise HTTPException(404)
    ticked = Tick(
        facility=caller.facility,
        checklist=found.id,
        period=_period(found.id, caller.today),
        row=row,
        at=caller.now,
        by=caller.officer.account.name,
    )
    await caller.desk.office.tick(ticked, done=caller.sent.get("done") == "yes")
    return caller.go(f"/office/checklist/{found.id}#{row}")


def _period(checklist: str, today: date) -> str:
    """Return the period of a tick: YYYY-MM for the monthly list, which restarts each month, else empty."""
    return today.strftime("%Y-%m") if checklist == "monthly" else ""


def _said(caller: Caller, *, names_were: bool) -> tuple[Station, StationProfile]:
    """Return the form's settings, not validated."""
    sent, said = caller.sent, {name: _plain(caller.sent.get(name, "")) for name in (*_TEXTS, "retention_days")}
    days, shown = said["retention_days"], caller.officer.facility
    promise = sent.get("promise", plain(PROMISE) if shown.promise is None else shown.promise).strip()
    station = replace(shown, name=said["name"], code=said["code"], telephone=said["telephone"])
    return replace(station, promise=None if promise == plain(PROMISE) else promise), StationProfile(
        facility=shown.id,
        terminal=_TERMINALS.get(sent.get("terminal", ""), Terminal.UNKNOWN),
        linked=_YES_OR_NO.get(sent.get("linked", "")),
        maintenance=_YES_OR_NO.get(sent.get("maintenance", "")),
        maintenance_telephone=said["maintenance_telephone"],
        router=said["router"],
        certificate_ends=said["certificate_ends"],
        retention_days=int(days) if days.isascii() and days.isdigit() and len(days) <= 4 else 0,  # noqa: PLR2004
        keeps_names=_YES_OR_NO.get(sent.get("keeps_names", ""), names_were),
        hours=said["hours"],
    )


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()


def _problems(facility: Station, station: StationProfile) -> dict[str, str]:
    texts = {
        "name": facility.name,
        "telephone": facility.telephone,
        "hours": station.hours,
        "promise": facility.promise or "",
    }
    texts |= {"router": station.router, "maintenance_telephone": station.maintenance_telephone}
    found = {name: f"{_LONG}文字までにしてください" for name, text in texts.items() if len(text) > _LONG}
    found |= {name: "使えない文字があります" for name, text in texts.items() if text and not text.isprintable()}
    found |= {
        name: "マイナンバー（12けた）のように見えます。入れないでください"
        for name, text in texts.items()
        if has_my_number(text)
    }
    for name, text in (("name", facility.name), ("telephone", facility.telephone)):
        if not text:
            found[name] = "入れてください"
    if not set(facility.telephone) <= set("0123456789-+() "):
        found["telephone"] = "数字とハイフンで入れてください"
    code = judge_code(facility.code).problem
    found |= {"code": code} if code else {}
    if station.certificate_ends and not is_day(station.certificate_ends):
        found["certificate_ends"] = "年・月・日を 2027-03-31 のように入れてください"
    if station.retention_days not in _RETENTION:
        found["retention_days"] = f"{_RETENTION.start}〜{_RETENTION.stop - 1}日にしてください"
    return found
