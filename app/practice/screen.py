"""The practice terminal's page: who is registered, each one's 照会番号, and the files to carry to the office."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive

from app.ports.outside import Clock
from app.practice.memory import Memory
from app.practice.pages import PREFIX, PracticePages
from app.practice.people import PracticePerson
from app.practice.system import System
from app.practice.terminal import (
    COLUMNS,
    EVERYBODY,
    Consented,
    ConsentWindow,
    Fault,
    MadeFile,
    Options,
    Packing,
    Twist,
    make_file,
    make_receipt,
)
from app.rules.terminal.read import read_request
from app.rules.terminal.values import Encoding, Limits, Request01, Request02, UnreadableFile, Unwritable
from app.rules.words.dates import in_era
from app.rules.words.digits import find

MAX_UPLOAD: Final = 16 * 1024
"""Bytes of a whole form. A request has less than 1 KB."""
_ADDRESS: Final = f"{PREFIX}/terminal"
_FIELDS: Final = 60
_DAYS_BACK: Final = 2
_KEPT: Final = 24 * 3600
_WAITING: Final = 200
_LARGEST_COUNTER: Final = 9999
_LONGEST_NUMBER: Final = 20
_NUMBER: Final = re.compile(r"[0-9A-Za-z-]+")
_REQUEST_NAME: Final = re.compile(r"OQSmuhvq0[12]req_([0-9]{12})\.(?:xml|zip)")
_TWISTS: Final = ("consents", "validity", "references", "more")
"""The fields of the form that hold twists: of the first three one each, of the last as many as one likes."""
_TYPES: Final = {"xml": "application/xml", "zip": "application/zip"}


@dataclass(frozen=True, slots=True)
class Sent:
    """A parsed form with its uploaded file."""

    fields: Mapping[str, Sequence[str]]
    upload: bytes = b""
    upload_name: str = ""

    def one(self, name: str) -> str:
        """Return the first value of a field, or an empty string."""
        return next(iter(self.fields.get(name, ())), "").strip()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The values of the page's forms, and what is wrong with them."""

    window: ConsentWindow
    options: Options = field(default_factory=Options)
    reception: str = ""
    """The reception number of the answer to make, when a request was uploaded."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    wrong: str = ""
    about: str = ""


class WrongForm(Exception):
    """The form is invalid: which message says so, and about whom or what."""

    def __init__(self, why: str, about: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.about = about


class TerminalScreen:
    """The terminal of the practice station: its numbers, and the requests that wait for their answer."""

    def __init__(
        self, people: Sequence[PracticePerson], pages: PracticePages, system: System, facility_code: str, clock: Clock
    ) -> None:
        self._people = people
        self._pages = pages
        self._system = system
        self._facility_code = facility_code
        self._numbers: Memory[str] = Memory(clock, seconds=_KEPT)
        self._waiting: Memory[Request01] = Memory(clock, seconds=_KEPT, room=_WAITING)
        self._made = 0

    def routes(self) -> list[Route]:
        """Return the pages."""
        return [
            Route("/terminal", self.look, methods=["GET"]),
            Route("/terminal/numbers", self.number, methods=["POST"]),
            Route("/terminal/file", self.file, methods=["POST"]),
        ]

    async def look(self, request: Request) -> Response:
        """Show who was registered between two days."""
        asked = Sent({name: [value] for name, value in request.query_params.items()})
        try:
            return self._page(Chosen(self._window(asked)))
        except WrongForm as wrong:
            return self._page(Chosen(self._usual(), wrong=wrong.why), status=422)

    async def number(self, request: Request) -> Response:
        """Keep the 照会番号 that the trainer typed for each person; all of them or none."""
        chosen = Chosen(self._usual())
        try:
            sent = await _sent(request)
            chosen = replace(chosen, numbers={each.id: sent.one(f"number-{each.id}") for each in self._people})
            for each in self._people:
                _check_number(chosen.numbers[each.id], each)
        except WrongForm as wrong:
            return self._page(replace(chosen, wrong=wrong.why, about=wrong.about), status=422)
        for person, number in chosen.numbers.items():
            self._numbers.put(person, number)
        return RedirectResponse(_ADDRESS, 303)

    async def file(self, request: Request) -> Response:
        """Hand out a file: the answer to a request, or one of the chosen days."""
        chosen = Chosen(self._usual())
        try:
            sent = await _sent(request)
            chosen = replace(chosen, options=_options(sent))
            chosen = replace(chosen, window=self._window(sent))
            asked = self._asked(sent)
            chosen = replace(chosen, reception=asked.reception if isinstance(asked, Request02) else "")
            made = await asyncio.to_thread(self._work(chosen, asked))
        except WrongForm as wrong:
            return self._page(replace(chosen, wrong=wrong.why, about=wrong.about), status=422)
        except Unwritable as lost:
            options = replace(chosen.options, encoding=Encoding.UTF_8)
            return self._page(replace(chosen, options=options, wrong="letter", about=lost.letter), status=422)
        return _download(made, _answering(made.name, sent.upload_name) if asked else made.name)

    # --- files ----------------------------------------------------------------------------------------------------

    def _asked(self, sent: Sent) -> Request01 | Request02 | None:
        """Return the uploaded request, or None when a file is wanted without one."""
        if sent.one("do") != "answer":
            return None
        if not sent.upload and sent.one("reception"):
            return Request02(self._facility_code, sent.one("reception"))
        if not sent.upload:
            raise WrongForm("no_file")
        try:
            asked = read_request(sent.upload, limits=Limits(file=MAX_UPLOAD, unpacked=MAX_UPLOAD))
        except UnreadableFile as fault:
            raise WrongForm("no_request") from fault
        if asked.facility_code != self._facility_code:
            raise WrongForm("station", asked.facility_code[:_LONGEST_NUMBER])
        return asked

    def _work(self, chosen: Chosen, asked: Request01 | Request02 | None) -> Callable[[], MadeFile]:
        """Return the function that makes the file, which runs in a thread."""
        self._made = self._made % _LARGEST_COUNTER + 1
        made_at, counter, options = self._system.now(), self._made, chosen.options
        if isinstance(asked, Request01):
            reception = f"{made_at:%y%m%d}{counter:04}"
            self._waiting.put(reception, asked)
            return partial(make_receipt, asked, reception=reception, made_at=made_at, options=options, counter=counter)
        window, key = chosen.window, ""
        if asked is not None:
            waiting = self._waiting.get(asked.reception)
            if waiting is None:
                raise WrongForm("reception", asked.reception[:_LONGEST_NUMBER])
            window, key = ConsentWindow(waiting.consent_from, waiting.consent_to), waiting.key
        return partial(
            make_file,
            self._listed(),
            facility_code=self._facility_code,
            window=window,
            made_at=made_at,
            options=options,
            counter=counter,
            key=key,
        )

    # --- the page -------------------------------------------------------------------------------------------------

    def _listed(self) -> list[Consented]:
        """Return everybody the station registered, the newest first."""
        registrations = self._system.registrations_of(self._facility_code)
        return [Consented(who, made.at, made.consents, self._numbers.get(who.id) or "") for who, made in registrations]

    def _usual(self) -> ConsentWindow:
        today = self._system.now().date()
        return ConsentWindow(today - timedelta(days=_DAYS_BACK), today)

    def _window(self, sent: Sent) -> ConsentWindow:
        usual = self._usual()
        begins, ends = _day(sent.one("from"), usual.begins), _day(sent.one("to"), usual.ends)
        if ends < begins:
            raise WrongForm("window")
        return ConsentWindow(begins, ends)

    def _page(self, chosen: Chosen, *, status: int = 200) -> Response:
        listed = self._listed()
        found = [each for each in listed if each.at.date() in chosen.window]
        return self._pages.respond(
            "terminal",
            status=status,
            chosen=chosen,
            rows=[_row(each) for each in found],
            columns=list(COLUMNS.values()),
            registered=[each.person for each in listed],
            people=self._people,
            numbers={each.id: chosen.numbers.get(each.id, self._numbers.get(each.id) or "") for each in self._people},
            everybody=EVERYBODY,
        )


@dataclass(frozen=True, slots=True)
class TerminalRow:
    """One line of the list, as the terminal's screen writes it."""

    person: PracticePerson
    born: str
    number: str
    marks: list[str]
    """Per flag: ○ or nothing."""
    consented: str
    ends: str


def _row(each: Consented) -> TerminalRow:
    flags = each.flags
    marks = ["○" if flag.id in flags and flags[flag.id].agreed else "" for flag in COLUMNS.values()]
    ends = f"{each.ends:%Y/%m/%d %H:%M}" if each.ends else ""
    return TerminalRow(
        person=each.person,
        born=in_era(each.born),
        number=each.number,
        marks=marks,
        consented=f"{each.at:%Y/%m/%d}",
        ends=ends,
    )


# --- what is sent ------------------------------------------------------------------------------------------------


async def _sent(request: Request) -> Sent:
    """Parse a form with its file, of `MAX_UPLOAD` bytes at most. Raises `WrongForm`."""
    limited = Request(request.scope, _counted(request.receive))
    try:
        async with limited.form(max_files=1, max_fields=_FIELDS, max_part_size=MAX_UPLOAD) as form:
            fields = {name: [text for text in form.getlist(name) if isinstance(text, str)] for name in form}
            upload = form.get("request")
            if isinstance(upload, UploadFile):
                return Sent(fields, await upload.read(), upload.filename or "")
            return Sent(fields)
    except HTTPException as fault:  # what Starlette raises for a malformed body
        raise WrongForm("form") from fault


def _counted(receive: Receive) -> Receive:
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > MAX_UPLOAD:
            raise WrongForm("too_large")
        return message

    return counted


def _options(sent: Sent) -> Options:
    """Return the trainer's choices; unknown values are ignored."""
    twists = {value for name in _TWISTS for value in sent.fields.get(name, ())}
    fault, item = sent.one("fault"), sent.one("item")
    return Options(
        encoding=Encoding.UTF_8 if sent.one("letters") == Encoding.UTF_8 else Encoding.SHIFT_JIS,
        packing=Packing.ZIP if sent.one("packing") == Packing.ZIP else Packing.XML,
        twists=frozenset(twist for twist in Twist if twist in twists),
        whom=sent.one("whom"),
        item=item if item in {flag.id for flag in COLUMNS.values()} else Options().item,
        fault=Fault(fault) if fault in set(Fault) else None,
    )


def _check_number(number: str, person: PracticePerson) -> None:
    if number and (not _NUMBER.fullmatch(number) or find(number, number_expected=True, limit=_LONGEST_NUMBER)):
        raise WrongForm("number", person.name)


def _day(text: str, usual: date) -> date:
    try:
        return date.fromisoformat(text) if text else usual
    except ValueError as fault:
        raise WrongForm("window") from fault


def _answering(name: str, request_name: str) -> str:
    """Return the name of an answer: the terminal gives it that of its request, with `res` for `req`."""
    asked = _REQUEST_NAME.fullmatch(request_name)
    return re.sub(r"_[0-9]{12}", f"_{asked[1]}", name) if asked else name


def _download(made: MadeFile, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(made.content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
