"""Signing in and out, joining by invitation, and the second factor."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from fastapi import APIRouter, Response

from app.ports.outside import NotProven, Passkey
from app.rules.record.evidence import hashed
from app.rules.station.account import (
    RECOVERY_CODES,
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
from app.web.kit.limits import RateLimit
from app.web.kit.qr_codes import code
from app.web.office.desk import Anybody, Caller, Desk, Enrolling, inside

TRIES: Final = 10
_SIGN_INS: Final = RateLimit(TRIES, seconds=15 * 60)
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_LONGEST: Final = 200
_OFFERED: Final = 15 * 60
_USED: Final = "この招待は使えません。管理者に、新しい招待をもらってください"

router = APIRouter()


# --- signing in -------------------------------------------------------------------------------------------------------


@router.get("/office/sign-in")
async def ask(caller: Anybody) -> Response:
    """Show the sign-in page, or redirect if signed in."""
    to = inside(caller.request.query_params.get("next", ""))
    return caller.go(to) if caller.who is not None and caller.who.sign_in.full else _page(caller, to)


def _page(caller: Caller, to: str, *, status: int = 200, wrong: str = "", login: str = "") -> Response:
    desk, now = caller.desk, caller.now
    shown = [(each, desk.secrets.code(each.totp, now)) for each in desk.practice]
    options, challenge = _passkey_options(desk)
    return Caller(desk, caller.request, {}).page(
        "sign-in.html",
        status=status,
        to=to,
        wrong=wrong,
        login=login,
        accounts=shown,
        options=options,
        challenge=challenge,
    )


@router.post("/office/sign-in")
async def sign_in(caller: Anybody) -> Response:
    """Check login, password and code; an unknown account gets the same work and the same message (enumeration)."""
    login = login_name(caller.sent.get("login", ""))[:_LONGEST]
    to = inside(caller.sent.get("next", ""))
    now = caller.now
    if not caller.desk.limits.has_room(_SIGN_INS, hashed(login), now):
        return _page(caller, to, status=429, wrong="waits", login=login)
    account = await caller.desk.office.account(login)
    password = caller.sent.get("password", "")[:_LONGEST]
    knows = await caller.desk.secrets.is_right(account.password if account else "", password)
    if account is None or not knows or not await _has_second(caller, account, now):
        return _page(caller, to, status=422, wrong="no", login=login)
    return await _let_in(caller, account.id, to)


async def _has_second(caller: Caller, account: Account, now: int) -> bool:
    """Whether a code is the authenticator's current one or a recovery code; each is accepted once."""
    plain = _code_typed(caller)
    if account.totp and plain.isdigit():
        try:
            secret = caller.desk.sealer.open(Sealed.ONE_TIME, account.totp)
        except BadToken:  # its key was removed: recovery codes and passkeys still work
            return False
        step = caller.desk.secrets.step_of(secret, plain, now)
        return step > 0 and await caller.desk.office.take_step(account.id, step)
    return bool(plain) and await caller.desk.office.take_recovery(account.id, hashed(plain))


def _code_typed(caller: Caller) -> str:
    return "".join(letter for letter in login_name(caller.sent.get("code", "")) if letter.isalnum())[:_LONGEST]


async def _let_in(caller: Caller, account: str, to: str) -> Response:
    stations = await caller.desk.office.stations_of(account)
    if not stations:
        return _page(caller, to, status=422, wrong="no")
    if caller.who is not None:
        await caller.desk.office.sign_out(caller.who.sign_in.id, account=caller.who.account.id)
    place = await _last_place(caller, account, [facility.id for facility, _ in stations])
    new, secret = caller.desk.new_sign_in(caller.request, account, place, full=True)
    await caller.desk.office.sign_in(new)
    answer = caller.go(to)
    caller.desk.remember(answer, secret)
    return answer


async def _last_place(caller: Caller, account: str, stations: list[str]) -> str:
    """Return the account's last station, since the page in `next` is of that station."""
    before = (each.facility for each, _ in await caller.desk.office.sign_ins(account=account))
    return next((facility for facility in before if facility in stations), stations[0])


@router.post("/office/sign-out")
async def sign_out(caller: Anybody) -> Response:
    """End the sign-in of this browser at once."""
    if caller.who is not None:
        await caller.desk.office.sign_out(caller.who.sign_in.id, account=caller.who.account.id)
    answer = caller.go("/office/sign-in")
    caller.desk.forget(answer)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


# --- passkeys ---------------------------------------------------------------------------------------------------------


def _passkey_options(desk: Desk) -> tuple[str, str]:
    if desk.passkeys is None:
        return "", ""
    options, challenge = desk.passkeys.options_to_get()
    return options, desk.challenge(challenge)


@router.post("/office/sign-in/passkey")
async def sign_in_by_passkey(caller: Anybody) -> Response:
    """Sign in by passkey; two factors by itself, since it has asked for a finger, a face or a device code."""
    to = inside(caller.sent.get("next", ""))
    try:
        account = await _proven(caller)
    except NotProven:
        return _page(caller, to, status=422, wrong="passkey")
    return await _let_in(caller, account, to)


async def _proven(caller: Caller) -> str:
    office, passkeys = caller.desk.office, caller.desk.passkeys
    if passkeys is None:
        raise NotProven
    credential, challenge = caller.sent.get("credential", ""), await caller.desk.challenged(caller.sent)
    key = await office.key(passkeys.credential_id(credential).hex())
    if key is None or await office.account_by_id(key.account) is None:
        raise NotProven
    known = Passkey(bytes.fromhex(key.id), bytes.fromhex(key.public_key), key.sign_count)
    await office.count_key(key.id, passkeys.proven(credential, challenge, known))
    return key.account


# --- joining ----------------------------------------------------------------------------------------------------------


@router.get("/office/join")
async def ask_to_join(caller: Anybody) -> Response:
    """Show the form of an invitation; its secret comes in the address's fragment, or is typed."""
    return Caller(caller.desk, caller.request, {}).page("join.html", given={}, wrong={})


@router.post("/office/join")
async def join(caller: Anybody) -> Response:
    """Create the account of an invitation, or reset a known one."""
    sent = {name: value[:_LONGEST] for name, value in caller.sent.items()}
    secret = "".join(sent.get("invitation", "").split())
    invited = await caller.desk.office.invitation(hashed(secret)) if secret else None
    if invited is None or not invited.is_open(caller.now):
        return _join_again(caller, sent, {"invitation": _USED})
    account = await _account(caller, invited, sent)
    wrong = _join_problems(account, sent.get("password", ""))
    if wrong:
        return _join_again(caller, sent, wrong)
    kept = await caller.desk.secrets.hashed(sent["password"])
    made = Account(account.id, account.login, account.name, kept, created_at=caller.now)
    signed, cookie = caller.desk.new_sign_in(caller.request, made.id, invited.facility, full=False)
    if not await caller.desk.office.take_up(invited, made, signed):
        now = await caller.desk.office.invitation(hashed(secret))
        if now is None or not now.is_open(caller.now):
            return _join_again(caller, sent, {"invitation": _USED})
        return _join_again(caller, sent, {"login": "この名前は、もう使われています。ほかの名前にしてください"})
    answer = caller.go("/office/second-factor")
    caller.desk.remember(answer, cookie)
    return answer


async def _account(caller: Caller, invited: Invitation, sent: Mapping[str, str]) -> Account:
    """Return the account that an invitation is for: a known one as it is, or a new one as it was typed."""
    known = await caller.desk.office.account_by_id(invited.account) if invited.account else None
    return known or Account(new_secret(), login_name(sent.get("login", "")), shown_name(sent.get("name", "")))


def _join_again(caller: Caller, sent: Mapping[str, str], wrong: Mapping[str, str]) -> Response:
    given = {name: value for name, value in sent.items() if name != "password"}
    return Caller(caller.desk, caller.request, {}).page("join.html", status=422, given=given, wrong=wrong)


# --- the second factor ------------------------------------------------------------------------------------------------


@router.get("/office/second-factor")
async def ask_for_second(caller: Enrolling) -> Response:
    """Offer a passkey where there can be one, and an authenticator."""
    return _offer(caller, caller.desk.secrets.new_totp())


def _offer(caller: Caller, secret: str, *, status: int = 200, wrong: str = "") -> Response:
    account = caller.officer.account
    options, challenge = "", ""
    if caller.desk.passkeys is not None:
        options, made = caller.desk.passkeys.options_to_create(account.id, account.login, ())
        challenge = caller.desk.challenge(made)
    return caller.page(
        "second-factor.html",
        status=status,
        wrong=wrong,
        offered=caller.desk.sealer.seal(Sealed.OFFERED, secret),
        secret=" ".join(secret[place : place + 4] for place in range(0, len(secret), 4)),
        code=code(caller.desk.secrets.totp_address(secret, account.login)),
        options=options,
        challenge=challenge,
    )


@router.post("/office/second-factor")
async def enrol_authenticator(caller: Enrolling) -> Response:
    """Enrol an authenticator after its first code."""
    try:
        secret = caller.desk.sealer.open(Sealed.OFFERED, caller.sent.get("offered", ""), _OFFERED)
    except BadToken:
        return _offer(caller, caller.desk.secrets.new_totp(), status=422, wrong="old")
    step = caller.desk.secrets.step_of(secret, _code_typed(caller), caller.now)
    if not step or not await caller.desk.office.take_step(caller.officer.account.id, step):
        return _offer(caller, secret, status=422, wrong="code")
    return await _enrolled(caller, caller.desk.sealer.seal(Sealed.ONE_TIME, secret))


@router.post("/office/second-factor/passkey")
async def take_passkey(caller: Enrolling) -> Response:
    """Enrol a passkey as the second factor."""
    try:
        await add_key(caller)
    except NotProven:
        return _offer(caller, caller.desk.secrets.new_totp(), status=422, wrong="passkey")
    return await _enrolled(caller, "")


async def add_key(caller: Caller) -> None:
    """Register the passkey that a browser has made for the signed-in account; raises `NotProven`."""
    if not await caller.desk.office.add_key(await _made(caller)):
        raise NotProven


async def _made(caller: Caller) -> Key:
    if caller.desk.passkeys is None:
        raise NotProven
    challenge = await caller.desk.challenged(caller.sent)
    made = caller.desk.passkeys.created(caller.sent.get("credential", ""), challenge)
    return Key(
        id=made.id.hex(),
        account=caller.officer.account.id,
        public_key=made.public_key.hex(),
        sign_count=made.sign_count,
        label=caller.officer.sign_in.browser,
        added_at=caller.now,
    )


async def _enrolled(caller: Caller, sealed: str) -> Response:
    codes = new_recovery_codes()
    sign_in, secret = caller.desk.under_new_secret(caller.officer.sign_in)
    await caller.desk.office.enrol(caller.officer.account.id, sealed, hashes(codes), sign_in)
    answer = Caller(caller.desk, caller.request, {}).page("recovery.html", codes=codes, account=caller.officer.account)
    caller.desk.remember(answer, secret)
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
