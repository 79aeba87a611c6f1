"""Signing in and out, joining by invitation, and the second factor."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.responses import Response

from app.ports.outside import NotProven, Passkey
from app.rules.record.evidence import hashed
from app.rules.station.account import (
    RECOVERY_CODES,
    Access,
    Account,
    Invitation,
    Key,
    login_name,
    login_problem,
    name_problem,
    password_problem,
    shown_name,
)
from app.tokens import BadToken, Sealed, new_secret
from app.web.kit.guard import RateWindow
from app.web.kit.qr_codes import code
from app.web.office.desk import Caller, Desk, OfficeRoute, inside

TRIES: Final = 10
_SPAN: Final = 15 * 60
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_LONGEST: Final = 200
_OFFERED: Final = 15 * 60
_USED: Final = "この招待は使えません。管理者に、新しい招待をもらってください"


@dataclass(frozen=True)
class SignInPages:
    """The pages before a full sign-in."""

    desk: Desk
    tries: RateWindow = field(default_factory=lambda: RateWindow(TRIES, _SPAN))

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/sign-in", Access.NOTHING, self.ask),
            OfficeRoute("POST", "/office/sign-in", Access.NOTHING, self.sign_in),
            OfficeRoute("POST", "/office/sign-in/passkey", Access.NOTHING, self.sign_in_by_passkey),
            OfficeRoute("POST", "/office/sign-out", Access.NOTHING, self.sign_out),
            OfficeRoute("GET", "/office/join", Access.NOTHING, self.ask_to_join),
            OfficeRoute("POST", "/office/join", Access.NOTHING, self.join),
            OfficeRoute("GET", "/office/second-factor", Access.ENROLLING, self.ask_for_second),
            OfficeRoute("POST", "/office/second-factor", Access.ENROLLING, self.enrol_authenticator),
            OfficeRoute("POST", "/office/second-factor/passkey", Access.ENROLLING, self.take_passkey),
        ]

    # --- signing in -----------------------------------------------------------------------------------------

    async def ask(self, caller: Caller) -> Response:
        """Show the sign-in page, or redirect if signed in."""
        if caller.who is not None and caller.who.sign_in.full:
            return self.desk.go(inside(caller.request.query_params.get("next", "")))
        return self._page(caller, inside(caller.request.query_params.get("next", "")))

    def _page(self, caller: Caller, to: str, *, status: int = 200, wrong: str = "", login: str = "") -> Response:
        now = self.desk.clock.now()
        shown = [(each, self.desk.secrets.code(each.totp, now)) for each in self.desk.practice]
        options, challenge = self._passkey_options()
        return self.desk.page(
            Caller(caller.request, {}),
            "sign-in.html",
            status=status,
            to=to,
            wrong=wrong,
            login=login,
            accounts=shown,
            options=options,
            challenge=challenge,
        )

    async def sign_in(self, caller: Caller) -> Response:
        """Check login, password and code; an unknown account gets the same work and the same message (enumeration)."""
        login = login_name(caller.sent.get("login", ""))[:_LONGEST]
        to = inside(caller.sent.get("next", ""))
        now = self.desk.clock.now()
        if not self.tries.has_room(hashed(login), now):
            return self._page(caller, to, status=429, wrong="waits", login=login)
        account = await self.desk.office.account(login)
        password = caller.sent.get("password", "")[:_LONGEST]
        knows = await self.desk.secrets.is_right(account.password if account else "", password)
        if account is None or not knows or not await self._has_second(account, caller.sent.get("code", ""), now):
            return self._page(caller, to, status=422, wrong="no", login=login)
        return await self._let_in(caller, account.id, to)

    async def _has_second(self, account: Account, typed: str, now: int) -> bool:
        """Whether a code is the authenticator's current one or a recovery code; each is accepted once."""
        plain = "".join(letter for letter in login_name(typed) if letter.isalnum())[:_LONGEST]
        if account.totp and plain.isdigit():
            try:
                secret = self.desk.sealer.open(Sealed.ONE_TIME, account.totp)
            except BadToken:  # its key was removed: recovery codes and passkeys still work
                return False
            step = self.desk.secrets.step_of(secret, plain, now)
            return step > 0 and await self.desk.office.take_step(account.id, step)
        return bool(plain) and await self.desk.office.take_recovery(account.id, hashed(plain))

    async def _let_in(self, caller: Caller, account: str, to: str) -> Response:
        stations = await self.desk.office.stations_of(account)
        if not stations:
            return self._page(caller, to, status=422, wrong="no")
        if caller.who is not None:
            await self.desk.office.sign_out(caller.who.sign_in.id, account=caller.who.account.id)
        place = await self._last_place(account, [facility.id for facility, _ in stations])
        new, secret = self.desk.new_sign_in(caller.request, account, place, full=True)
        await self.desk.office.sign_in(new)
        answer = self.desk.go(to)
        self.desk.remember(answer, secret)
        return answer

    async def _last_place(self, account: str, stations: list[str]) -> str:
        """Return the account's last station, since the page in `next` is of that station."""
        before = (each.facility for each, _ in await self.desk.office.sign_ins(account=account))
        return next((facility for facility in before if facility in stations), stations[0])

    async def sign_out(self, caller: Caller) -> Response:
        """End the sign-in of this browser at once."""
        if caller.who is not None:
            await self.desk.office.sign_out(caller.who.sign_in.id, account=caller.who.account.id)
        answer = self.desk.go("/office/sign-in")
        self.desk.forget(answer)
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    # --- passkeys -------------------------------------------------------------------------------------------

    def _passkey_options(self) -> tuple[str, str]:
        if self.desk.passkeys is None:
            return "", ""
        options, challenge = self.desk.passkeys.options_to_get()
        return options, self.desk.challenge(challenge)

    async def sign_in_by_passkey(self, caller: Caller) -> Response:
        """Sign in by passkey; two factors by itself, since it has asked for a finger, a face or a device code."""
        to = inside(caller.sent.get("next", ""))
        try:
            account = await self._proven(caller.sent)
        except NotProven:
            return self._page(caller, to, status=422, wrong="passkey")
        return await self._let_in(caller, account, to)

    async def _proven(self, sent: Mapping[str, str]) -> str:
        if self.desk.passkeys is None:
            raise NotProven
        credential, challenge = sent.get("credential", ""), await self.desk.challenged(sent)
        key = await self.desk.office.key(self.desk.passkeys.credential_id(credential).hex())
        if key is None or await self.desk.office.account_by_id(key.account) is None:
            raise NotProven
        known = Passkey(bytes.fromhex(key.id), bytes.fromhex(key.public_key), key.sign_count)
        await self.desk.office.count_key(key.id, self.desk.passkeys.proven(credential, challenge, known))
        return key.account

    # --- joining --------------------------------------------------------------------------------------------

    async def ask_to_join(self, caller: Caller) -> Response:
        """Show the form of an invitation; its secret comes in the address's fragment, or is typed."""
        return self.desk.page(Caller(caller.request, {}), "join.html", given={}, wrong={})

    async def join(self, caller: Caller) -> Response:
        """Create the account of an invitation, or reset a known one."""
        sent = {name: value[:_LONGEST] for name, value in caller.sent.items()}
        secret = "".join(sent.get("invitation", "").split())
        invited = await self.desk.office.invitation(hashed(secret)) if secret else None
        if invited is None or not invited.is_open(self.desk.clock.now()):
            return self._join_again(caller, sent, {"invitation": _USED})
        account = await self._account(invited, sent)
        wrong = _join_problems(account, sent.get("password", ""))
        if wrong:
            return self._join_again(caller, sent, wrong)
        kept = await self.desk.secrets.hashed(sent["password"])
        made = Account(account.id, account.login, account.name, kept, created_at=self.desk.clock.now())
        signed, cookie = self.desk.new_sign_in(caller.request, made.id, invited.facility, full=False)
        if not await self.desk.office.take_up(invited, made, signed):
            now = await self.desk.office.invitation(hashed(secret))
            if now is None or not now.is_open(self.desk.clock.now()):
                return self._join_again(caller, sent, {"invitation": _USED})
            return self._join_again(caller, sent, {"login": "この名前は、もう使われています。ほかの名前にしてください"})
        answer = self.desk.go("/office/second-factor")
        self.desk.remember(answer, cookie)
        return answer

    async def _account(self, invited: Invitation, sent: Mapping[str, str]) -> Account:
        """Return the account that an invitation is for: a known one as it is, or a new one as it was typed."""
        known = await self.desk.office.account_by_id(invited.account) if invited.account else None
        return known or Account(new_secret(), login_name(sent.get("login", "")), shown_name(sent.get("name", "")))

    def _join_again(self, caller: Caller, sent: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
        given = {name: value for name, value in sent.items() if name != "password"}
        return self.desk.page(Caller(caller.request, {}), "join.html", status=422, given=given, wrong=wrong)

    # --- the second factor ----------------------------------------------------------------------------------

    async def ask_for_second(self, caller: Caller) -> Response:
        """Offer a passkey where there can be one, and an authenticator."""
        return self._offer(caller, self.desk.secrets.new_totp())

    def _offer(self, caller: Caller, secret: str, *, status: int = 200, wrong: str = "") -> Response:
        account = caller.officer.account
        options, challenge = "", ""
        if self.desk.passkeys is not None:
            options, made = self.desk.passkeys.options_to_create(account.id, account.login, ())
            challenge = self.desk.challenge(made)
        return self.desk.page(
            caller,
            "second-factor.html",
            status=status,
            wrong=wrong,
            offered=self.desk.sealer.seal(Sealed.OFFERED, secret),
            secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
            code=code(self.desk.secrets.totp_address(secret, account.login)),
            options=options,
            challenge=challenge,
        )

    async def enrol_authenticator(self, caller: Caller) -> Response:
        """Enrol an authenticator after its first code."""
        try:
            secret = self.desk.sealer.open(Sealed.OFFERED, caller.sent.get("offered", ""), _OFFERED)
        except BadToken:
            return self._offer(caller, self.desk.secrets.new_totp(), status=422, wrong="old")
        typed = "".join(letter for letter in login_name(caller.sent.get("code", "")) if letter.isalnum())
        step = self.desk.secrets.step_of(secret, typed[:_LONGEST], self.desk.clock.now())
        if not step or not await self.desk.office.take_step(caller.officer.account.id, step):
            return self._offer(caller, secret, status=422, wrong="code")
        return await self._enrolled(caller, self.desk.sealer.seal(Sealed.ONE_TIME, secret))

    async def take_passkey(self, caller: Caller) -> Response:
        """Enrol a passkey as the second factor."""
        try:
            await self.add(caller)
        except NotProven:
            return self._offer(caller, self.desk.secrets.new_totp(), status=422, wrong="passkey")
        return await self._enrolled(caller, "")

    async def add(self, caller: Caller) -> None:
        """Register the passkey that a browser has made for the signed-in account; raises `NotProven`."""
        if not await self.desk.office.add_key(await self._made(caller)):
            raise NotProven

    async def _made(self, caller: Caller) -> Key:
        if self.desk.passkeys is None:
            raise NotProven
        challenge = await self.desk.challenged(caller.sent)
        made = self.desk.passkeys.created(caller.sent.get("credential", ""), challenge)
        label, now = caller.officer.sign_in.browser, self.desk.clock.now()
        account = caller.officer.account.id
        return Key(made.id.hex(), account, made.public_key.hex(), made.sign_count, label, now)

    async def _enrolled(self, caller: Caller, sealed: str) -> Response:
        codes = new_recovery_codes()
        sign_in, secret = self.desk.under_new_secret(caller.officer.sign_in)
        await self.desk.office.enrol(caller.officer.account.id, sealed, hashes(codes), sign_in)
        answer = self.desk.page(
            Caller(caller.request, {}), "recovery.html", codes=codes, account=caller.officer.account
        )
        self.desk.remember(answer, secret)
        return answer


def new_recovery_codes() -> tuple[str, ...]:
    """Return ten codes of some 60 random bits each, in groups that can be read aloud."""
    groups = (["".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3)] for _ in range(RECOVERY_CODES))
    return tuple("-".join(group) for group in groups)


def hashes(codes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hashes of recovery codes without their hyphens."""
    return tuple(hashed(each.replace("-", "")) for each in codes)


def _join_problems(account: Account, password: str) -> dict[str, str]:
    found = {
        "login": login_problem(account.login),
        "name": name_problem(account.name),
        "password": password_problem(password, account.login),
    }
    return {name: problem for name, problem in found.items() if problem}
