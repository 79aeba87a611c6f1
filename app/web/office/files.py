"""The terminal's files: writes requests, reads answers, shows a preview, and starts the import.

Nothing here talks to a terminal: it has no internet, and staff carry the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final, TypeAlias

import structlog
from fastapi import APIRouter, Depends, HTTPException, Response

from app.log import place_of
from app.ports.consent_list import ConsentList
from app.ports.outside import Unavailable
from app.ports.store import ReadOnly
from app.rules.terminal.consent_list import COLUMNS, VALIDITIES, Incoming, incoming
from app.rules.terminal.exchange import Exchange, Stage, Upload
from app.rules.terminal.preview import Preview, preview
from app.rules.terminal.read import read
from app.rules.terminal.values import (
    Answer01,
    FileKind,
    Outcome,
    Reading,
    Request01,
    Request02,
    UnreadableFile,
    file_name,
    parse_day,
)
from app.rules.terminal.write import write
from app.rules.words.dates import format_time
from app.tokens import new_secret
from app.web.kit.parts import Part, TheConsents
from app.web.office.consent_list import keeps_names
from app.web.office.desk import Caller, Staff, StaffWithFile, is_day
from app.web.office.file_words import MEANINGS, ODDS, REASONS
from app.web.office.received import received
from app.work.importing import Importer

BACK: Final = 2
"""Days before today with which a request's window begins by default."""
_SHOWN: Final = 20
_WIDEST: Final = 366
_SOON: Final = 1.0
"""Seconds for which the answer to 「取り込む」 waits: most imports are finished by then."""
_REQUESTS: Final = {"01": FileKind.REQUEST_01, "02": FileKind.REQUEST_02}
_UNSEEN: Final = "知らない項目を確かめて、チェックを入れてください。何も変わっていません"
log = structlog.get_logger()


class Imports:
    """Running imports, and the semaphore of parsing."""

    def __init__(self) -> None:
        self._underway: set[asyncio.Task[None]] = set()
        self.reading: Final = asyncio.Semaphore(1)
        """Parsing needs many times a file's size: one file at a time, so that memory stays bounded."""

    async def start(self, taking: Coroutine[Any, Any, bool]) -> None:
        """Run an import in the background; return when it is finished, after `_SOON` seconds at most."""
        task = asyncio.create_task(_finished(taking))
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)
        await asyncio.wait({task}, timeout=_SOON)

    async def settle(self) -> None:
        """Wait for running imports at shutdown: an interrupted batch would have to be written again."""
        while self._underway:
            await asyncio.wait(self._underway)


TheImporter: TypeAlias = Annotated[Importer, Depends(Part("importer"))]
TheImports: TypeAlias = Annotated[Imports, Depends(Part("imports"))]
router = APIRouter(prefix="/office/files")


async def _finished(taking: Coroutine[Any, Any, bool]) -> None:
    """Run an import in the background and log a failure; the import can be resumed."""
    try:
        await taking
    except (ReadOnly, Unavailable) as error:
        log.warning("import_left", reason="read_only" if isinstance(error, ReadOnly) else "unavailable")
    except Exception as error:  # noqa: BLE001 - nothing awaits this task, and its message may name people
        log.error("import_broken", error_type=type(error).__name__, error_at=place_of(error))  # noqa: TRY400


# --- requests -------------------------------------------------------------------------------------------------------


@router.get("")
async def list_all(caller: Staff, consents: TheConsents) -> Response:
    """Show requests and files."""
    return await _all(caller, consents)


async def _all(caller: Caller, consents: ConsentList, wrong: Mapping[str, str] | None = None) -> Response:
    today = caller.today
    return caller.page(
        "files.html",
        status=422 if wrong else 200,
        wrong=wrong or {},
        said=caller.request.query_params.get("said", ""),
        first=caller.sent.get("from") or str(today - timedelta(days=BACK)),
        last=caller.sent.get("to") or str(today),
        requests=[(each, _between(each)) for each in await consents.exchanges(caller.facility, _SHOWN)],
        files=await consents.uploads(caller.facility, _SHOWN),
        format_time=format_time,
    )


@router.post("/request")
async def ask(caller: Staff, consents: TheConsents) -> Response:
    """Make a request for a window of days."""
    wrong = _wrong_window(caller.sent.get("from", ""), caller.sent.get("to", ""))
    if wrong:
        return await _all(caller, consents, wrong)
    first, last = (date.fromisoformat(caller.sent[name]).strftime("%Y%m%d") for name in ("from", "to"))
    new = Exchange(
        key=f"KZ{new_secret()[:10].replace('-', 'X').replace('_', 'Y')}",
        facility=caller.facility,
        day=f"{caller.today:%Y%m%d}",
        counter=0,
        consent_from=first,
        consent_to=last,
        at=caller.now,
        by=caller.officer.account.name,
    )
    await consents.ask(new)
    return caller.go("/office/files?said=asked#requests")


def _wrong_window(first: str, last: str) -> dict[str, str]:
    wrong = {
        name: "年・月・日を 2026-11-22 のように入れてください"
        for name, given in (("from", first), ("to", last))
        if not is_day(given)
    }
    if wrong:
        return wrong
    days = (date.fromisoformat(last) - date.fromisoformat(first)).days
    if days < 0:
        return {"to": "はじめの日より後の日にしてください"}
    return {"from": "1年より短くしてください"} if days > _WIDEST else {}


@router.get("/request/{key}/{which}")
async def carry(caller: Staff, consents: TheConsents, key: str, which: str) -> Response:
    """Answer a request file for download; 404 for 02 before the terminal's reception number is known."""
    kind, made = _REQUESTS.get(which), await consents.exchange(caller.facility, key)
    if made is None or kind is None or (kind is FileKind.REQUEST_02 and not made.reception):
        raise HTTPException(404)
    code, name = caller.officer.facility.code, file_name(kind, _day(made.day), made.counter)
    window = _day(made.consent_from), _day(made.consent_to)
    request = Request01(code, made.key, *window) if kind is FileKind.REQUEST_01 else Request02(code, made.reception)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(write(request), media_type="application/xml", headers=headers)


# --- answers --------------------------------------------------------------------------------------------------------


@router.post("")
async def receive(caller: StaffWithFile, consents: TheConsents, imports: TheImports) -> Response:
    """Parse an uploaded answer of the terminal and keep it for the preview; nothing is imported yet."""
    filename, data = await received(caller, "file")
    if not data:
        return await _all(caller, consents, {"file": "ファイルをえらんでください"})
    names, by = await keeps_names(caller), caller.officer.account.name
    if known := await consents.known(caller.facility, data, names=names, at=caller.now, by=by):
        return caller.go(f"/office/files/{known.id}?again=1")
    code = caller.officer.facility.code
    try:
        async with imports.reading:
            reading = await asyncio.to_thread(read, data, facility_code=code, filename=filename)
    except UnreadableFile as refused:
        return await _all(caller, consents, {"file": says(refused)})
    outcome, said = reading.answer.header.outcome, _said(reading)
    if outcome in {Outcome.PROCESSING, Outcome.FAILED}:
        return await _all(caller, consents, {"file": said})
    if isinstance(reading.answer, Answer01):
        return await _took_in(caller, consents, reading.answer, said)
    return await _keep(caller, consents, data, reading)


async def _took_in(caller: Caller, consents: ConsentList, answer: Answer01, said: str) -> Response:
    """Save the reception number that the terminal gave a request."""
    if not answer.reception:
        return await _all(caller, consents, {"file": said})
    key = answer.header.key
    if not key or not await consents.received(caller.facility, key, answer.reception):
        why = "かざすで作っていない依頼への回答です。ここで作った依頼ファイルの回答を、えらんでください"
        return await _all(caller, consents, {"file": why})
    return caller.go("/office/files?said=took#requests")


async def _keep(caller: Caller, consents: ConsentList, data: bytes, reading: Reading) -> Response:
    people = await asyncio.to_thread(_people, reading)
    now = caller.now
    new = Upload(
        id=new_secret(),
        facility=caller.facility,
        stage=Stage.WAITING,
        at=now,
        by=caller.officer.account.name,
        preview=await asyncio.to_thread(preview, reading, people),
        total=len(people),
        touched_at=now,
    )
    names = await keeps_names(caller)
    kept = await consents.keep(new, data, people, names=names)
    if names and not await keeps_names(caller):  # the setting was turned off meanwhile
        await consents.drop(caller.facility, kept.id)
        kept = await consents.keep(new, data, people, names=False)
    again = "?again=1" if kept.id != new.id else ""
    return caller.go(f"/office/files/{kept.id}{again}")


@router.get("/{file}")
async def show(caller: Staff, consents: TheConsents, file: str) -> Response:
    """Show a file's preview, progress or outcome."""
    return await _show(caller, consents, await _found(caller, consents, file))


async def _show(caller: Caller, consents: ConsentList, file: Upload, wrong: str = "") -> Response:
    asked = await consents.exchange(caller.facility, file.preview.key) if file.preview.key else None
    return caller.page(
        "file.html",
        status=422 if wrong else 200,
        wrong=wrong,
        file=file,
        preview=file.preview,
        counts=_counts(file.preview),
        odds=ODDS,
        again="again" in caller.request.query_params,
        keeps_names=await keeps_names(caller),
        window=_between(asked) if asked else "",
        is_left=file.is_left(caller.now),
        format_time=format_time,
        place="/office/files",
    )


async def _found(caller: Caller, consents: ConsentList, file: str) -> Upload:
    found = await consents.upload(caller.facility, file)
    if found is None:
        raise HTTPException(404)
    return found


@router.post("/{file}/take")
async def take(caller: Staff, importer: TheImporter, imports: TheImports, file: str) -> Response:
    """Start a file's import in the background; a repeated request shows its progress. Raises `ReadOnly`.

    Unknown elements, which a later version added, are left out only after a person has confirmed it.
    """
    if caller.gap:
        raise ReadOnly
    found, who = await _found(caller, importer.registry, file), caller.officer.account
    if found.stage is Stage.WAITING and found.preview.unknown and caller.sent.get("understood") != "yes":
        return await _show(caller, importer.registry, found, _UNSEEN)
    await imports.start(importer.take(found, (who.id, who.name)))
    return caller.go(f"/office/files/{found.id}")


@router.post("/{file}/drop")
async def drop(caller: Staff, consents: TheConsents, file: str) -> Response:
    """Delete a waiting file."""
    await consents.drop(caller.facility, file)
    return caller.go("/office/files?said=dropped")


def _people(reading: Reading) -> list[Incoming]:
    if isinstance(reading.answer, Answer01):
        return []
    return [incoming(each) for each in reading.answer.persons]


def _day(digits: str) -> date:
    found = parse_day(digits)
    if found is None:
        raise HTTPException(404)
    return found


def _between(made: Exchange) -> str:
    first, last = (f"{_day(each):%Y/%m/%d}" for each in (made.consent_from, made.consent_to))
    return first if first == last else f"{first}〜{last}"


def _counts(look: Preview) -> dict[str, list[tuple[str, str]]]:
    """Return the preview's counts in words: per column of the list, other flags, validity."""
    columns = {flag.id: flag.column for flag in COLUMNS}

    def said(counts: dict[str, int]) -> str:
        return "、".join(f"{MEANINGS[meaning]} {counts[meaning]}" for meaning in MEANINGS if meaning in counts)

    flags = [(columns.get(flag, flag), said(dict(counts))) for flag, counts in look.flags.items()]
    validity = [
        (VALIDITIES.get(code, f"不明（{code}）" if code else "なし"), f"{n}人") for code, n in look.validities.items()
    ]
    return {"flags": flags, "validity": sorted(validity)}


def says(refused: UnreadableFile) -> str:
    """Return why a file was refused, and in which line."""
    where = f"{refused.line}行目：" if refused.line else ""
    about = refused.about if refused.about.isascii() and refused.about.isprintable() else "不明"
    why = REASONS[refused.reason.value].format(about=about or "内容が合いません")
    return f"{where}{why}何も変わっていません"


def _said(reading: Reading) -> str:
    """Return the message for an answer without result: processing, failed, or without reception number."""
    header = reading.answer.header
    if header.outcome is Outcome.PROCESSING:
        return "端末は、まだ作成中です。数分おいて、同じ依頼ファイル（02）を、もう一度端末に渡してください"
    if header.outcome is Outcome.FAILED:
        told = "　".join(part for part in (header.code, header.message) if part)
        return f"端末が、エラーを返しました（{told[:100] or '番号なし'}）。番号を控えて、コールセンターに伝えてください"
    return "受付番号がありません。端末の画面で、依頼がどうなったかを確かめてください"
