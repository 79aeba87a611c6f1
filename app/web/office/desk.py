"""Shared by the office's pages: authentication, authorization, CSRF check, rendering, sign-in cookie."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from fastapi.responses import RedirectResponse, Response

from app.ports.office import Office
from app.ports.outside import Clock, NotProven, Passkeys, Secrets
from app.ports.store import Store
from app.rules.record.clock import is_young
from app.rules.record.evidence import hashed
from app.rules.record.gap import Gap
from app.rules.station.account import IDLE, ROLE_NAMES, Access, Officer, Role, SignIn, may
from app.rules.words.dates import day_of
from app.tokens import BadToken, Purpose, Sealer, Signer, new_secret
from app.web.bedside.seat import Bedside, Elsewhere, Refusal
from app.web.kit.forms import fields
from app.web.kit.limits import RateLimits
from app.web.kit.pages import HOLE, Look, Pages
from app.web.kit.parts import Part
from app.web.kit.problems import Problems

_HTMX: Final = "hx-request"
LIVE: Final = "kazasu-live"
"""The header of a page's automatic polling, which does not prolong a sign-in."""
TOUCH: Final = 60
"""Seconds after which a request prolongs its sign-in again: looking at pages writes no more often."""
COVERED_AFTER: Final = IDLE - TOUCH
"""Seconds after which a page that nobody touches is covered: its sign-in may be so much older."""
_NEXT: Final = re.compile(r"/office(?:/[a-z0-9][A-Za-z0-9/._-]*)?(?:\?[A-Za-z0-9=&-]*)?")
_BROWSERS: Final = ("Edg", "Firefox", "CriOS", "Chrome", "Safari")
_SYSTEMS: Final = ("iPhone", "iPad", "Android", "Windows", "Mac OS", "Linux")
_OUTSIDE: Final = frozenset({"/office/sign-in", "/office/join", "/office/sign-out", "/office/second-factor"})


class SignedOut(Exception):
    """The route needs a sign-in, and there is none."""


class Forbidden(Exception):
    """The role of the signed-in account does not permit this route."""


@dataclass(frozen=True)
class PracticeAccount:
    """A practice account, whose credentials are shown on the sign-in page: no data behind it is real."""

    login: str
    name: str
    role: Role
    password: str
    totp: str


@dataclass(frozen=True, slots=True)
class Caller:
    """One authorized request with its form fields."""

    desk: Desk
    request: Request
    sent: Mapping[str, str]
    who: Officer | None = None
    gap: Gap | None = None
    """What the station's record lacks, while it is read-only."""
    broken: int = 0
    """How many alterations the last checks found at the station."""

    @property
    def officer(self) -> Officer:
        """Who is signed in. Raises `SignedOut`."""
        if self.who is None:
            raise SignedOut
        return self.who

    @property
    def facility(self) -> str:
        """The id of the sign-in's station, which scopes every lookup."""
        return self.officer.facility.id

    @property
    def key(self) -> str:
        """The idempotency key of this submission."""
        return f"office {self.sent.get('key', '') or new_secret()}"

    @property
    def now(self) -> int:
        """The present moment (seconds since 1970, UTC)."""
        return self.desk.clock.now()

    @property
    def today(self) -> date:
        """The present day in Japan."""
        return day_of(self.now)

    @staticmethod
    def go(address: str) -> Response:
        """Redirect with 303."""
        return RedirectResponse(address, status_code=303)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Answer a page of the office."""
        return self.desk.pages.answer(self.request, self.html(template, **values), status)

    def html(self, template: str, **values: Any) -> str:
        """Render a page of the office."""
        look = Look.of(self.request).seen_by("staff")
        shared = {"who": self.who, "role_names": ROLE_NAMES, "idle": COVERED_AFTER, "here": self.request.url.path}
        record = {"gap": self.gap, "broken": self.broken}
        html = self.desk.pages.html(f"office/{template}", look, **{**shared, **record, **values})
        return html.replace(HOLE, self.desk.form_fields(self.request, self.who) if self.who else "")


@dataclass(frozen=True, kw_only=True)
class Desk:
    """Authentication, form checks, responses and cookies of the office."""

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
    limits: RateLimits
    origin: str
    practice: tuple[PracticeAccount, ...] = ()

    @property
    def is_secure(self) -> bool:
        """Whether people reach this server over TLS."""
        return self.origin.startswith("https://")

    @property
    def host(self) -> str:
        """Host and port of our origin."""
        return urlsplit(self.origin).netloc

    @property
    def cookie(self) -> str:
        """The name of the sign-in's cookie; the `__Host-` prefix needs TLS."""
        return "__Host-office" if self.is_secure else "office"

    # --- authentication -------------------------------------------------------------------------------------

    async def find(self, request: Request) -> Officer | None:
        """Return who is signed in by the cookie, with or without second factor; None if unknown or expired."""
        secret = request.cookies.get(self.cookie, "")
        found = await self.office.officer(hashed(secret)) if secret else None
        return found if found and found.sign_in.is_open(self.clock.now()) else None

    async def caller(self, request: Request, need: Access, *, reads_form: bool) -> Caller:
        """Authenticate and authorize a request; parse its form and check the CSRF token where it has one."""
        await self.bedside.keep_to_staff(request)
        who = await self.find(request)
        if who is not None and need is not Access.NOTHING and who.sign_in.full is (need is Access.ENROLLING):
            raise Elsewhere("/office" if who.sign_in.full else "/office/second-factor")
        self._admit(need, who)
        sent = await fields(request) if reads_form else {}
        if reads_form and need is not Access.NOTHING:
            self.check(request, sent, who)
        await self._touch(request, who)
        if who is None or not who.sign_in.full:
            return Caller(self, request, sent, who)
        gap, broken = await self.store.gap(who.facility.id), await self.store.broken(who.facility.id)
        return Caller(self, request, sent, who, gap=gap, broken=len(broken))

    async def _touch(self, request: Request, who: Officer | None) -> None:
        """Prolong a sign-in, in `TOUCH` seconds once; a page that asks for news by itself does not."""
        now = self.clock.now()
        if who is not None and LIVE not in request.headers and not is_young(who.sign_in.used_at, TOUCH, now):
            await self.office.touch(who.sign_in.id, now)

    def check(self, request: Request, sent: Mapping[str, str], who: Officer | None) -> None:
        """Raise `Refusal` unless the CSRF token is of this sign-in at its present station."""
        if who is None or not self.signer.is_form(self._place(request, who), sent.get("token", "")):
            raise Refusal("foreign")

    def _place(self, request: Request, who: Officer) -> str:
        return f"{request.cookies.get(self.cookie, '')}\0{who.facility.id}"

    @staticmethod
    def _admit(need: Access, who: Officer | None) -> None:
        if need is Access.NOTHING:
            return
        if who is None:
            raise SignedOut
        if not may(who.role, need):
            raise Forbidden

    # --- answers --------------------------------------------------------------------------------------------

    def form_fields(self, request: Request, who: Officer) -> str:
        """Return the form field with the CSRF token, which is bound to the sign-in and its station."""
        token = self.signer.form(self._place(request, who))
        return f'<input type="hidden" name="token" value="{token}">'

    def challenge(self, made: bytes) -> str:
        """Return a passkey's challenge, signed, for a form."""
        return self.signer.sign(Purpose.CHALLENGE, urlsafe_b64encode(made).decode())

    async def challenged(self, sent: Mapping[str, str]) -> bytes:
        """Verify and spend a form's challenge; raises `NotProven` if it is forged, expired or used before."""
        try:
            (challenge,) = self.signer.read(Purpose.CHALLENGE, sent.get("challenge", ""))
        except (BadToken, ValueError) as error:
            raise NotProven from error
        if not await self.office.spend(hashed(challenge), self.clock.now()):
            raise NotProven
        return urlsafe_b64decode(challenge)

    def to_sign_in(self, request: Request) -> Response:
        """Redirect to the sign-in page, with the wanted address in `next`; 204 for automatic polling."""
        if LIVE in request.headers:
            return Response(status_code=204)  # its script covers the page in place
        query = f"?{request.url.query}" if request.url.query else ""
        is_asking = request.method in {"GET", "HEAD"}
        # A form after the sign-in expired is lost; `next` is the page that it was on.
        wanted = request.url.path + query if is_asking else urlsplit(request.headers.get("referer", "")).path
        door = f"/office/sign-in?next={quote(inside(wanted))}"
        answer = (
            Response(status_code=204, headers={"HX-Redirect": door}) if _HTMX in request.headers else Caller.go(door)
        )
        if is_asking:
            self.forget(answer)
        return answer

    def new_sign_in(self, request: Request, account: str, facility: str, *, full: bool) -> tuple[SignIn, str]:
        """Return a new sign-in and the secret of its cookie."""
        now, secret = self.clock.now(), new_secret()
        browser = browser_of(request.headers.get("user-agent", ""))
        return SignIn(
            id=new_secret(),
            secret=hashed(secret),
            account=account,
            facility=facility,
            full=full,
            opened_at=now,
            used_at=now,
            browser=browser,
        ), secret

    def under_new_secret(self, sign_in: SignIn) -> tuple[SignIn, str]:
        """Return the sign-in as full, and the new secret of its cookie, which invalidates the old one."""
        secret = new_secret()
        return replace(sign_in, secret=hashed(secret), full=True, used_at=self.clock.now()), secret

    def remember(self, answer: Response, secret: str) -> None:
        """Set the sign-in cookie."""
        answer.set_cookie(self.cookie, secret, secure=self.is_secure, httponly=True, samesite="lax")

    def forget(self, answer: Response) -> None:
        """Clear the sign-in cookie."""
        answer.delete_cookie(self.cookie, secure=self.is_secure, httponly=True, samesite="lax")


class Allowed:
    """A dependency: the caller of a request that has this access. Any other ends in a page or a redirect.

    With `takes_file`, the form is multipart: its route parses it and checks its token.
    """

    def __init__(self, need: Access, *, takes_file: bool = False) -> None:
        self.need, self._takes_file = need, takes_file

    async def __call__(self, request: Request, desk: TheDesk) -> Caller:
        """Return the caller."""
        return await desk.caller(request, self.need, reads_form=request.method == "POST" and not self._takes_file)


TheDesk: TypeAlias = Annotated[Desk, Depends(Part("desk"))]
Anybody: TypeAlias = Annotated[Caller, Depends(Allowed(Access.NOTHING))]
Enrolling: TypeAlias = Annotated[Caller, Depends(Allowed(Access.ENROLLING))]
"""Whoever has signed in and has no second factor yet."""
Staff: TypeAlias = Annotated[Caller, Depends(Allowed(Access.STAFF))]
Admin: TypeAlias = Annotated[Caller, Depends(Allowed(Access.ADMIN))]
StaffWithFile: TypeAlias = Annotated[Caller, Depends(Allowed(Access.STAFF, takes_file=True))]
AdminWithFile: TypeAlias = Annotated[Caller, Depends(Allowed(Access.ADMIN, takes_file=True))]


def inside(address: str) -> str:
    """Return an address if it is a page of the office, else `/office`: this prevents open redirects."""
    is_page = _NEXT.fullmatch(address) and ".." not in address and address.partition("?")[0] not in _OUTSIDE
    return address if is_page else "/office"


def browser_of(agent: str) -> str:
    """Return a browser's label for people: 「Chrome・Windows」."""
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
