"""The terminal's files: writes requests, reads answers, shows a preview, and starts the import.

Nothing here talks to a terminal: it has no internet, and staff carry the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.log import place_of
from app.ports.outside import Unavailable
from app.ports.store import ReadOnly
from app.rules.station.account import Access
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
from app.rules.words.dates import day_of, format_time
from app.tokens import new_secret
from app.web.office.desk import Caller, Desk, OfficeRoute, is_day
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


@dataclass(frozen=True)
class FileDesk:
    """The pages of the terminal's files."""

    desk: Desk
    importer: Importer
    _underway: set[asyncio.Task[None]] = field(default_factory=set)
    _reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(1))
    """Parsing needs many times a file's size: one file at a time, so that memory stays bounded."""

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/files", Access.STAFF, self.all),
            OfficeRoute("POST", "/office/files", Access.STAFF, self.receive, takes_file=True),
            OfficeRoute("POST", "/office/files/request", Access.STAFF, self.ask),
            OfficeRoute("GET", "/office/files/request/{key}/{which}", Access.STAFF, self.carry),
            OfficeRoute("GET", "/office/files/{file}", Access.STAFF, self.show),
            OfficeRoute("POST", "/office/files/{file}/take", Access.STAFF, self.take),
            OfficeRoute("POST", "/office/files/{file}/drop", Access.STAFF, self.drop),
        ]

    # --- requests -----------------------------------------------------------------------------------------------

    async def all(self, caller: Caller) -> Response:
        """Show requests and files."""
        return await self._all(caller)

    async def _all(self, caller: Caller, wrong: dict[str, str] | None = None, said: str = "") -> Response:
        today, registry = self._today(), self.importer.registry
        return self.desk.page(
            caller,
            "files.html",
            status=422 if wrong else 200,
            wrong=wrong or {},
            said=said or caller.request.query_params.get("said", ""),
            first=caller.sent.get("from") or str(today - timedelta(days=BACK)),
            last=caller.sent.get("to") or str(today),
            requests=[(each, _between(each)) for each in await registry.exchanges(caller.facility, _SHOWN)],
            files=await registry.uploads(caller.facility, _SHOWN),
            format_time=format_time,
        )

    def _today(self) -> date:
        return day_of(self.desk.clock.now())

    async def ask(self, caller: Caller) -> Response:
        """Make a request for a window of days."""
        wrong = self._wrong_window(caller.sent.get("from", ""), caller.sent.get("to", ""))
        if wrong:
            return await self._all(caller, wrong)
        first, last = (date.fromisoformat(caller.sent[name]).strftime("%Y%m%d") for name in ("from", "to"))
        now, by = self.desk.clock.now(), caller.officer.account.name
        key = f"KZ{new_secret()[:10].replace('-', 'X').replace('_', 'Y')}"
        new = Exchange(key, caller.facility, f"{self._today():%Y%m%d}", 0, first, last, now, by)
        await self.importer.registry.ask(new)
        return self.desk.go("/office/files?said=asked#requests")

    def _wrong_window(self, first: str, last: str) -> dict[str, str]:
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

    async def carry(self, caller: Caller) -> Response:
        """Answer a request file for download; 404 for 02 before the terminal's reception number is known."""
        which = _REQUESTS.get(caller.request.path_params["which"])
        made = await self.importer.registry.exchange(caller.facility, caller.request.path_params["key"])
        if made is None or which is None or (which is FileKind.REQUEST_02 and not made.reception):
            raise HTTPException(404)
        code, name = caller.officer.facility.code, file_name(which, _day(made.day), made.counter)
        window = _day(made.consent_from), _day(made.consent_to)
        request = (
            Request01(code, made.key, *window) if which is FileKind.REQUEST_01 else Request02(code, made.reception)
        )
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(write(request), media_type="application/xml", headers=headers)

    # --- answers ------------------------------------------------------------------------------------------------

    async def receive(self, caller: Caller) -> Response:
        """Parse an uploaded answer of the terminal and keep it for the preview; nothing is imported yet."""
        filename, data = await received(self.desk, caller, "file")
        if not data:
            return await self._all(caller, {"file": "ファイルをえらんでください"})
        names = await self._keeps_names(caller)
        if known := await self.importer.registry.known(caller.facility, data, names=names):
            return self.desk.go(f"/office/files/{known.id}?again=1")
        code = caller.officer.facility.code
        try:
            async with self._reading:
                reading = await asyncio.to_thread(read, data, facility_code=code, filename=filename)
        except UnreadableFile as refused:
            return await self._all(caller, {"file": says(refused)})
        outcome, said = reading.answer.header.outcome, _said(reading)
        if outcome in {Outcome.PROCESSING, Outcome.FAILED}:
            return await self._all(caller, {"file": said})
        if isinstance(reading.answer, Answer01):
            return await self._took_in(caller, reading.answer, said)
        return await self._keep(caller, data, reading)

    async def _took_in(self, caller: Caller, answer: Answer01, said: str) -> Response:
        """Save the reception number that the terminal gave a request."""
        if not answer.reception:
            return await self._all(caller, {"file": said})
        key = answer.header.key
        if not key or not await self.importer.registry.received(caller.facility, key, answer.reception):
            why = "かざすで作っていない依頼への回答です。ここで作った依頼ファイルの回答を、えらんでください"
            return await self._all(caller, {"file": why})
        return self.desk.go("/office/files?said=took#requests")

    async def _keep(self, caller: Caller, data: bytes, reading: Reading) -> Response:
        people = await asyncio.to_thread(_people, reading)
        now, by = self.desk.clock.now(), caller.officer.account.name
        look = await asyncio.to_thread(preview, reading, people)
        new = Upload(new_secret(), caller.facility, Stage.WAITING, now, by, look, len(people), touched_at=now)
        names = await self._keeps_names(caller)
        kept = await self.importer.registry.keep(new, data, people, names=names)
        if names and not await self._keeps_names(caller):  # the setting was turned off meanwhile
            await self.importer.registry.drop(caller.facility, kept.id)
            kept = await self.importer.registry.keep(new, data, people, names=False)
        again = "?again=1" if kept.id != new.id else ""
        return self.desk.go(f"/office/files/{kept.id}{again}")

    async def _keeps_names(self, caller: Caller) -> bool:
        return (await self.desk.office.station(caller.facility)).keeps_names

    async def show(self, caller: Caller) -> Response:
        """Show a file's preview, progress or outcome."""
        return await self._show(caller, await self._found(caller))

    async def _show(self, caller: Caller, file: Upload, wrong: str = "") -> Response:
        asked = await self.importer.registry.exchange(caller.facility, file.preview.key) if file.preview.key else None
        return self.desk.page(
            caller,
            "file.html",
            status=422 if wrong else 200,
            wrong=wrong,
            file=file,
            preview=file.preview,
            counts=_counts(file.preview),
            odds=ODDS,
            again="again" in caller.request.query_params,
            keeps_names=await self._keeps_names(caller),
            window=_between(asked) if asked else "",
            is_left=file.is_left(self.desk.clock.now()),
            format_time=format_time,
            place="/office/files",
        )

    async def _found(self, caller: Caller) -> Upload:
        found = await self.importer.registry.upload(caller.facility, caller.request.path_params["file"])
        if found is None:
            raise HTTPException(404)
        return found

    async def take(self, caller: Caller) -> Response:
        """Start a file's import in the background; a repeated request shows its progress. Raises `ReadOnly`.

        Unknown elements, which a later version added, are left out only after a person has confirmed it.
        """
        if caller.gap:
            raise ReadOnly
        file, who = await self._found(caller), caller.officer.account
        if file.stage is Stage.WAITING and file.preview.unknown and caller.sent.get("understood") != "yes":
            return await self._show(caller, file, _UNSEEN)
        task = asyncio.create_task(_finished(self.importer.take(file, (who.id, who.name))))
        self._underway.add(task)
        task.add_done_callback(self._underway.discard)
        await asyncio.wait({task}, timeout=_SOON)
        return self.desk.go(f"/office/files/{file.id}")

    async def drop(self, caller: Caller) -> Response:
        """Delete a waiting file."""
        await self.importer.registry.drop(caller.facility, caller.request.path_params["file"])
        return self.desk.go("/office/files?said=dropped")

    async def settle(self) -> None:
        """Wait for running imports at shutdown: an interrupted batch would have to be written again."""
        while self._underway:
            await asyncio.wait(self._underway)


async def _finished(taking: Coroutine[Any, Any, bool]) -> None:
    """Run an import in the background and log a failure; the import can be resumed."""
    try:
        await taking
    except (ReadOnly, Unavailable) as error:
        log.warning("import_left", reason="read_only" if isinstance(error, ReadOnly) else "unavailable")
    except Exception as error:  # noqa: BLE001 - nothing awaits this task, and its message may name people
        log.error("import_broken", error_type=type(error).__name__, error_at=place_of(error))  # noqa: TRY400


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
