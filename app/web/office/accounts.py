"""One's own account, and for administrators the accounts, invitations and sign-ins of the station."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter, Response

from app.ports.outside import NotProven
from app.rules.record.evidence import hashed
from app.rules.station.account import INVITED, Invitation, Member, Role, SignIn, name_problem, shown_name
from app.rules.words.dates import format_time
from app.tokens import new_secret
from app.web.office.desk import Admin, Caller, Staff
from app.web.office.signin import add_key, hashes, new_recovery_codes

_NOT_HERE = "このアカウントは、この事業所にありません"
_ROLES = {role.value: role for role in Role}

router = APIRouter()


# --- one's own --------------------------------------------------------------------------------------------------------


@router.get("/office/account")
async def own(caller: Staff) -> Response:
    """Show one's own passkeys, recovery codes and sign-ins."""
    return await _own(caller)


async def _own(caller: Caller, *, status: int = 200, wrong: str = "") -> Response:
    account, office = caller.officer.account, caller.desk.office
    keys, options, challenge = await office.keys(account.id), "", ""
    if caller.desk.passkeys is not None:
        known = [bytes.fromhex(key.id) for key in keys]
        options, made = caller.desk.passkeys.options_to_create(account.id, account.login, known)
        challenge = caller.desk.challenge(made)
    return caller.page(
        "account.html",
        status=status,
        wrong=wrong,
        keys=[(key, format_time(key.added_at)) for key in keys],
        left=await office.recovery_left(account.id),
        sign_ins=_shown(caller, await office.sign_ins(account=account.id)),
        options=options,
        challenge=challenge,
    )


@router.post("/office/account/passkey")
async def add_passkey(caller: Staff) -> Response:
    """Register one more passkey."""
    try:
        await add_key(caller)
    except NotProven:
        return await _own(caller, status=422, wrong="passkey")
    return caller.go("/office/account")


@router.post("/office/account/passkey/remove")
async def remove_passkey(caller: Staff) -> Response:
    """Remove a passkey, unless it is the only second factor."""
    account = caller.officer.account
    keys = await caller.desk.office.keys(account.id)
    if not account.totp and len(keys) < 2:  # noqa: PLR2004 - the last one
        return await _own(caller, status=422, wrong="last")
    await caller.desk.office.remove_key(account.id, caller.sent.get("key", ""))
    return caller.go("/office/account")


@router.post("/office/account/recovery")
async def renew_recovery(caller: Staff) -> Response:
    """Replace the recovery codes; the old ones are invalid."""
    codes = new_recovery_codes()
    await caller.desk.office.renew_recovery(caller.officer.account.id, hashes(codes))
    return caller.page("recovery.html", codes=codes, account=caller.officer.account)


@router.post("/office/account/sign-ins")
async def end_own(caller: Staff) -> Response:
    """End one of one's own sign-ins."""
    await caller.desk.office.sign_out(caller.sent.get("sign_in", ""), account=caller.officer.account.id)
    return caller.go("/office/account")


# --- everybody's ------------------------------------------------------------------------------------------------------


@router.get("/office/accounts")
async def show_all(caller: Admin) -> Response:
    """Show who belongs to the station, who is invited, and who is signed in."""
    return await _all(caller)


async def _all(caller: Caller, *, status: int = 200, wrong: str = "", name: str = "", way_in: str = "") -> Response:
    office, now = caller.desk.office, caller.now
    invited = [each for each in await office.invitations(caller.facility) if each.is_open(now)]
    return caller.page(
        "accounts.html",
        status=status,
        wrong=wrong,
        name=name,
        way_in=way_in,
        address=f"{caller.desk.origin}/office/join#{way_in}" if way_in else "",
        people=await office.people(caller.facility),
        invitations=[(each, format_time(each.made_at + INVITED)) for each in invited],
        sign_ins=_shown(caller, await office.sign_ins(facility=caller.facility)),
        roles=_ROLES,
    )


@router.post("/office/accounts/invite")
async def invite(caller: Admin) -> Response:
    """Create an invitation; its secret is shown once."""
    name, role = shown_name(caller.sent.get("name", "")), _ROLES.get(caller.sent.get("role", ""))
    wrong = name_problem(name)
    if wrong or role is None:
        return await _all(caller, status=422, wrong=wrong or "役割をえらんでください", name=name)
    return await _invited(caller, name, role)


@router.post("/office/accounts/reset")
async def reset(caller: Admin) -> Response:
    """Invite a member who lost password or second factor; the old ones stay valid until the invitation is used."""
    who = await _member(caller)
    if who is None:
        return await _all(caller, status=422, wrong=_NOT_HERE)
    stations = await caller.desk.office.stations_of(who.account.id)
    if len(stations) > 1:
        # One station's administrator must not reset credentials that also open another station's office.
        return await _all(
            caller, status=422, wrong="ほかの事業所でも使うアカウントです。サーバーの管理者に頼んでください"
        )
    return await _invited(caller, who.account.name, who.role, who.account.id)


async def _invited(caller: Caller, name: str, role: Role, account: str = "") -> Response:
    way_in = new_secret()
    invitation = Invitation(
        id=new_secret(),
        secret=hashed(way_in),
        facility=caller.facility,
        role=role,
        name=name,
        by=caller.officer.account.name,
        made_at=caller.now,
        account=account,
        inviter=caller.officer.account.id,
    )
    await caller.desk.office.invite(invitation)
    return await _all(caller, way_in=way_in, name=name)


@router.post("/office/accounts/invitations")
async def withdraw(caller: Admin) -> Response:
    """Revoke an invitation."""
    await caller.desk.office.withdraw(caller.facility, caller.sent.get("invitation", ""), caller.now)
    return caller.go("/office/accounts")


@router.post("/office/accounts/role")
async def set_role(caller: Admin) -> Response:
    """Change a member's role."""
    account, role = caller.sent.get("account", ""), _ROLES.get(caller.sent.get("role", ""))
    if role is None or await _member(caller) is None:
        return await _all(caller, status=422, wrong=_NOT_HERE)
    if not await caller.desk.office.set_role(caller.facility, account, role):
        return await _all(caller, status=422, wrong="管理者が1人もいなくなるため、変えられません")
    return caller.go("/office/accounts")


@router.post("/office/accounts/revoke")
async def revoke(caller: Admin) -> Response:
    """End a membership; its sign-ins are refused from the next request on."""
    if await _member(caller) is None:
        return await _all(caller, status=422, wrong=_NOT_HERE)
    if not await caller.desk.office.remove(caller.facility, caller.sent.get("account", ""), caller.now):
        return await _all(caller, status=422, wrong="管理者が1人もいなくなるため、やめさせられません")
    return caller.go("/office/accounts")


@router.post("/office/accounts/sign-ins")
async def end_any(caller: Admin) -> Response:
    """End anybody's sign-in at this station."""
    await caller.desk.office.sign_out(caller.sent.get("sign_in", ""), facility=caller.facility)
    return caller.go("/office/accounts")


async def _member(caller: Caller) -> Member | None:
    people = await caller.desk.office.people(caller.facility)
    return next((each for each in people if each.account.id == caller.sent.get("account", "")), None)


def _shown(caller: Caller, sign_ins: Iterable[tuple[SignIn, str]]) -> list[tuple[SignIn, str, str]]:
    now = caller.now
    return [(each, name, format_time(each.used_at)) for each, name in sign_ins if each.is_open(now)]
