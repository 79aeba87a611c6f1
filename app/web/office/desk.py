"""What every page of the office shares: who is at the door, what they may open, and how a page is answered."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.ports.office import Office
from app.ports.outside import Clock, NotProven, Passkeys, Secrets
from app.ports.store import Store
from app.rules.record.evidence import hashed
from app.rules.record.gap import Gap
from app.rules.station.account import DOORS, IDLE, ROLE_NAMES, Access, Door, Officer, Role, SignIn, may
from app.rules.visit.flow import Holder
from app.tokens import BadToken, Purpose, Sealer, Signer, new_secret
from app.web.bedside.seat import Bedside, Refusal
from app.web.kit.forms import fields
from app.web.kit.pages import HOLE, Look, Pages
from app.web.kit.problems import Problems

_HTMX: Final = "hx-request"
LIVE: Final = "kazasu-live"
"""The header of a page that asks for news by itself: it keeps nobody signed in."""
_NEXT: Final = re.compile(r"/office(?:/[a-z0-9][A-Za-z0-9/._-]*)?(?:\?[A-Za-z0-9=&-]*)?")
_BROWSERS: Final = ("Edg", "Firefox", "CriOS", "Chrome", "Safari")
_SYSTEMS: Final = ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")
_OUTSIDE: Final = frozenset({"/office/sign-in", "/office/join", "/office/sign-out", "/office/second-factor"})


class SignedOut(Exception):
    """Nobody is signed in, or not far enough for this door."""


class Forbidden(Exception):
    """Whoever is signed in may not open this door."""


@dataclass(frozen=True)
class PracticeAccount:
    """A practice account, shown to everybody: nothing behind it is real."""

    login: str
    name: str
    role: Role
    password: str
    totp: str


@dataclass(frozen=True, slots=True)
class Caller:
    """One request at an open door."""

    request: Request
    sent: Mapping[str, str]
    who: Officer | None = None
    held: Gap | None = None
    """What the station's record lacks, while it is read-only."""
    broken: int = 0
    """How much of the station a check has found not to be as it was recorded."""

    @property
    def officer(self) -> Officer:
        """Whoever is signed in."""
        if self.who is None:
            raise SignedOut
        return self.who

    @property
    def facility(self) -> str:
        """The station at which they stand: the only one whose things they find."""
        return self.officer.facility.id

    @property
    def key(self) -> str:
        """What names this submission: whatever it does, it does once."""
        return f"office {self.sent.get('key', '') or new_secret()}"


Endpoint: TypeAlias = Callable[[Caller], Awaitable[Response]]


@dataclass(frozen=True)
class Desk:
    """The stores, keys, clock and pages of the office, with what they do together."""

    office: Office
    store: Store
    secrets: Secrets
    passkeys: Passkeys | None
    signer: Signer
    sealer: Sealer
    clock: Clock
    pages: Pages
    problems: Problems
    bedside: Bedside
    origin: str
    practice: tuple[PracticeAccount, ...] = ()

    @property
    def is_secure(self) -> bool:
        """Whether people reach this server over TLS."""
        return self.origin.startswith("https://")

    @property
    def host(self) -> str:
        """Our own host, as it stands in our addresses."""
        return urlsplit(self.origin).netloc

    @property
    def cookie(self) -> str:
        """The name of the sign-in's cookie; the strict prefix needs TLS."""
        return "__Host-office" if self.is_secure else "office"

    # --- who is at the door ---------------------------------------------------------------------------------

    async def find(self, request: Request) -> Officer | None:
        """Return who is signed in in this browser, fully or not, while the sign-in lasts."""
        secret = request.cookies.get(self.cookie, "")
        found = await self.office.officer(hashed(secret)) if secret else None
        return found if found and found.sign_in.is_open(self.clock.now()) else None

    async def enter(self, door: Door, endpoint: Endpoint, request: Request) -> Response:
        """Open a door to whoever may, or say why not."""
        if await self._is_in_patients_hands(request):
            return self.go("/visit/hand-over")
        who = await self.find(request)
        if who is not None and door.need is not Access.NOTHING and who.sign_in.full is (door.need is Access.ENROLLING):
            return self.go("/office" if who.sign_in.full else "/office/second-factor")
        self._admit(door, who)
        sends = door.method == "POST" and not door.takes_file
        sent = await fields(request) if sends else {}
        if sends and door.need is not Access.NOTHING:
            self.check(request, sent, who)
        if who is not None and LIVE not in request.headers:
            await self.office.touch(who.sign_in.id, self.clock.now())
        if who is None or not who.sign_in.full:
            return await endpoint(Caller(request, sent, who))
        held, broken = await self.store.held(who.facility.id), await self.store.broken(who.facility.id)
        return await endpoint(Caller(request, sent, who, held, len(broken)))

    async def _is_in_patients_hands(self, request: Request) -> bool:
        """Whether the patient of an open visit holds this phone: then nothing of the office is behind any door."""
        seat = await self.bedside.find(request)
        return seat is not None and seat.visit.holder is Holder.PATIENT

    def check(self, request: Request, sent: Mapping[str, str], who: Officer | None) -> None:
        """Refuse a form that was not made for this browser's sign-in, or not at the station where it stands now."""
        if who is None or not self.signer.is_form(self._place(request, who), sent.get("token", "")):
            raise Refusal("foreign")

    def _place(self, request: Request, who: Officer) -> str:
        return f"{request.cookies.get(self.cookie, '')}\0{who.facility.id}"

    @staticmethod
    def _admit(door: Door, who: Officer | None) -> None:
        if door.need is Access.NOTHING:
            return
        if who is None:
            raise SignedOut
        if not may(who.role, door.need):
            raise Forbidden

    # --- answers --------------------------------------------------------------------------------------------

    def page(self, caller: Caller, template: str, *, status: int = 200, **values: Any) -> Response:
        """Answer a page of the office."""
        return self.pages.answer(caller.request, self.html(caller, template, **values), status)

    def html(self, caller: Caller, template: str, **values: Any) -> str:
        """Return a page of the office as text."""
        who = caller.who
        look = Look.of(caller.request).seen_by("staff")
        shared = {"who": who, "role_names": ROLE_NAMES, "idle": IDLE, "here": caller.request.url.path}
        record = {"held_record": caller.held, "broken": caller.broken}
        html = self.pages.html(f"office/{template}", look, **{**shared, **record, **values})
        return html.replace(HOLE, self.held(caller.request, who) if who else "")

    def held(self, request: Request, who: Officer) -> str:
        """Return the hidden field of every form: that it was made for this browser's sign-in, at this station."""
        token = self.signer.form(self._place(request, who))
        return f'<input type="hidden" name="token" value="{token}">'

    def challenge(self, made: bytes) -> str:
        """Return a passkey's challenge as the form carries it."""
        return self.signer.sign(Purpose.CHALLENGE, urlsafe_b64encode(made).decode())

    async def challenged(self, sent: Mapping[str, str]) -> bytes:
        """Return the challenge that a form carries, once; raises `NotProven`."""
        try:
            (challenge,) = self.signer.read(Purpose.CHALLENGE, sent.get("challenge", ""))
        except (BadToken, ValueError) as error:
            raise NotProven from error
        if not await self.office.spend(hashed(challenge), self.clock.now()):
            raise NotProven
        return urlsafe_b64decode(challenge)

    @staticmethod
    def go(address: str) -> Response:
        """Answer where to go next."""
        return RedirectResponse(address, status_code=303)

    def to_sign_in(self, request: Request) -> Response:
        """Send somebody who is not signed in to the door, and keep the place they wanted."""
        if LIVE in request.headers:
            return Response(status_code=204)  # the page covers itself, and keeps its place
        query = f"?{request.url.query}" if request.url.query else ""
        is_asking = request.method in {"GET", "HEAD"}
        # A form that came too late is lost; its page is not.
        wanted = request.url.path + query if is_asking else urlsplit(request.headers.get("referer", "")).path
        door = f"/office/sign-in?next={quote(inside(wanted))}"
        answer = Response(status_code=204, headers={"HX-Redirect": door}) if _HTMX in request.headers else self.go(door)
        if is_asking:
            self.forget(answer)
        return answer

    def new_sign_in(self, request: Request, account: str, facility: str, *, full: bool) -> tuple[SignIn, str]:
        """Return a new sign-in and the secret of its cookie."""
        now, secret = self.clock.now(), new_secret()
        browser = browser_of(request.headers.get("user-agent", ""))
        return SignIn(new_secret(), hashed(secret), account, facility, full, now, now, browser), secret

    def under_new_secret(self, sign_in: SignIn) -> tuple[SignIn, str]:
        """Return a sign-in that counts fully, and the new secret of its cookie: the old one is dead."""
        secret = new_secret()
        return replace(sign_in, secret=hashed(secret), full=True, used_at=self.clock.now()), secret

    def remember(self, answer: Response, secret: str) -> None:
        """Give the browser its sign-in."""
        answer.set_cookie(self.cookie, secret, secure=self.is_secure, httponly=True, samesite="lax")

    def forget(self, answer: Response) -> None:
        """Take the sign-in away."""
        answer.delete_cookie(self.cookie, secure=self.is_secure, httponly=True, samesite="lax")


def routes(desk: Desk, endpoints: Mapping[tuple[str, str], Endpoint]) -> list[Route]:
    """Return a route for every door of the table; an endpoint without a door, or a door without one, is an error."""
    if set(endpoints) != {(door.method, door.path) for door in DOORS}:
        raise LookupError("doors and endpoints of the office differ")

    def behind(door: Door) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            return await desk.enter(door, endpoints[door.method, door.path], request)

        return endpoint

    return [Route(door.path, behind(door), methods=[door.method]) for door in DOORS]


def inside(address: str) -> str:
    """Return an address if it is a page of the office, else the office's first page: no way leads out of here."""
    is_page = _NEXT.fullmatch(address) and ".." not in address and address.partition("?")[0] not in _OUTSIDE
    return address if is_page else "/office"


def browser_of(agent: str) -> str:
    """Return what tells a person which browser a sign-in is: 「Chrome・Windows」."""
    browser = next((name for name in _BROWSERS if name in agent), "ブラウザ")
    system = next((name for name in _SYSTEMS if name in agent), "")
    shown = {"Edg": "Edge", "CriOS": "Chrome", "Mac OS": "Mac"}
    return "・".join(shown.get(part, part) for part in (browser, system) if part)


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar as browsers send it: 2026-11-22."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
