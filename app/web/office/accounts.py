"""One's own account, and for administrators the accounts, invitations and sign-ins of the station."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from starlette.responses import Response

from app.ports.outside import NotProven
from app.rules.record.evidence import hashed
from app.rules.station.account import INVITED, Access, Invitation, Member, Role, SignIn, name_problem, shown_name
from app.rules.words.dates import format_time
from app.tokens import new_secret
from app.web.office.desk import Caller, Desk, OfficeRoute
from app.web.office.signin import SignInPages, hashes, new_recovery_codes

_NOT_HERE = "このアカウントは、この事業所にありません"
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True)
class Accounts:
    """The pages of accounts, invitations and sign-ins."""

    desk: Desk
    sign_in: SignInPages

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/account", Access.STAFF, self.own),
            OfficeRoute("POST", "/office/account/passkey", Access.STAFF, self.add_passkey),
            OfficeRoute("POST", "/office/account/passkey/remove", Access.STAFF, self.remove_passkey),
            OfficeRoute("POST", "/office/account/recovery", Access.STAFF, self.renew_recovery),
            OfficeRoute("POST", "/office/account/sign-ins", Access.STAFF, self.end_own),
            OfficeRoute("GET", "/office/accounts", Access.ADMIN, self.all),
            OfficeRoute("POST", "/office/accounts/invite", Access.ADMIN, self.invite),
            OfficeRoute("POST", "/office/accounts/invitations", Access.ADMIN, self.withdraw),
            OfficeRoute("POST", "/office/accounts/role", Access.ADMIN, self.set_role),
            OfficeRoute("POST", "/office/accounts/revoke", Access.ADMIN, self.revoke),
            OfficeRoute("POST", "/office/accounts/reset", Access.ADMIN, self.reset),
            OfficeRoute("POST", "/office/accounts/sign-ins", Access.ADMIN, self.end_any),
        ]

    # --- one's own ------------------------------------------------------------------------------------------

    async def own(self, caller: Caller) -> Response:
        """Show one's own passkeys, recovery codes and sign-ins."""
        return await self._own(caller)

    async def _own(self, caller: Caller, *, status: int = 200, wrong: str = "") -> Response:
        account, office = caller.officer.account, self.desk.office
        keys, options, challenge = await office.keys(account.id), "", ""
        if self.desk.passkeys is not None:
            known = [bytes.fromhex(key.id) for key in keys]
            options, made = self.desk.passkeys.options_to_create(account.id, account.login, known)
            challenge = self.desk.challenge(made)
        return self.desk.page(
            caller,
            "account.html",
            status=status,
            wrong=wrong,
            keys=[(key, format_time(key.added_at)) for key in keys],
            left=await office.recovery_left(account.id),
            sign_ins=self._shown(await office.sign_ins(account=account.id)),
            options=options,
            challenge=challenge,
        )

    async def add_passkey(self, caller: Caller) -> Response:
        """Register one more passkey."""
        try:
            await self.sign_in.add(caller)
        except NotProven:
            return await self._own(caller, status=422, wrong="passkey")
        return self.desk.go("/office/account")

    async def remove_passkey(self, caller: Caller) -> Response:
        """Remove a passkey, unless it is the only second factor."""
        account = caller.officer.account
        keys = await self.desk.office.keys(account.id)
        if not account.totp and len(keys) < 2:  # noqa: PLR2004 - the last one
            return await self._own(caller, status=422, wrong="last")
        await self.desk.office.remove_key(account.id, caller.sent.get("key", ""))
        return self.desk.go("/office/account")

    async def renew_recovery(self, caller: Caller) -> Response:
        """Replace the recovery codes; the old ones are invalid."""
        codes = new_recovery_codes()
        await self.desk.office.renew_recovery(caller.officer.account.id, hashes(codes))
        return self.desk.page(caller, "recovery.html", codes=codes, account=caller.officer.account)

    async def end_own(self, caller: Caller) -> Response:
        """End one of one's own sign-ins."""
        await self.desk.office.sign_out(caller.sent.get("sign_in", ""), account=caller.officer.account.id)
        return self.desk.go("/office/account")

    # --- everybody's ----------------------------------------------------------------------------------------

    async def all(self, caller: Caller) -> Response:
        """Show who belongs to the station, who is invited, and who is signed in."""
        return await self._all(caller)

    async def _all(
        self, caller: Caller, *, status: int = 200, wrong: str = "", name: str = "", way_in: str = ""
    ) -> Response:
        office, now = self.desk.office, self.desk.clock.now()
        invited = [each for each in await office.invitations(caller.facility) if each.is_open(now)]
        return self.desk.page(
            caller,
            "accounts.html",
            status=status,
            wrong=wrong,
            name=name,
            way_in=way_in,
            address=f"{self.desk.origin}/office/join#{way_in}" if way_in else "",
            people=await office.people(caller.facility),
            invitations=[(each, format_time(each.made_at + INVITED)) for each in invited],
            sign_ins=self._shown(await office.sign_ins(facility=caller.facility)),
            roles=_ROLES,
        )

    async def invite(self, caller: Caller) -> Response:
        """Create an invitation; its secret is shown once."""
        name, role = shown_name(caller.sent.get("name", "")), _ROLES.get(caller.sent.get("role", ""))
        wrong = name_problem(name)
        if wrong or role is None:
            return await self._all(caller, status=422, wrong=wrong or "役割をえらんでください", name=name)
        return await self._invited(caller, name, role)

    async def reset(self, caller: Caller) -> Response:
        """Invite a member who lost password or second factor; the old ones stay valid until the invitation is used."""
        who = await self._member(caller)
        if who is None:
            return await self._all(caller, status=422, wrong=_NOT_HERE)
        stations = await self.desk.office.stations_of(who.account.id)
        if len(stations) > 1:
            # One station's administrator must not reset credentials that also open another station's office.
            return await self._all(
                caller, status=422, wrong="ほかの事業所でも使うアカウントです。サーバーの管理者に頼んでください"
            )
        return await self._invited(caller, who.account.name, who.role, who.account.id)

    async def _invited(self, caller: Caller, name: str, role: Role, account: str = "") -> Response:
        way_in = new_secret()
        by, now = caller.officer.account.name, self.desk.clock.now()
        made = Invitation(new_secret(), hashed(way_in), caller.facility, role, name, by, now, account)
        made = replace(made, inviter=caller.officer.account.id)
        await self.desk.office.invite(made)
        return await self._all(caller, way_in=way_in, name=name)

    async def withdraw(self, caller: Caller) -> Response:
        """Revoke an invitation."""
        invitation, now = caller.sent.get("invitation", ""), self.desk.clock.now()
        await self.desk.office.withdraw(caller.facility, invitation, now)
        return self.desk.go("/office/accounts")

    async def set_role(self, caller: Caller) -> Response:
        """Change a member's role."""
        account, role = caller.sent.get("account", ""), _ROLES.get(caller.sent.get("role", ""))
        if role is None or await self._member(caller) is None:
            return await self._all(caller, status=422, wrong=_NOT_HERE)
        if not await self.desk.office.set_role(caller.facility, account, role):
            return await self._all(caller, status=422, wrong="管理者が1人もいなくなるため、変えられません")
        return self.desk.go("/office/accounts")

    async def revoke(self, caller: Caller) -> Response:
        """End a membership; its sign-ins are refused from the next request on."""
        if await self._member(caller) is None:
            return await self._all(caller, status=422, wrong=_NOT_HERE)
        if not await self.desk.office.remove(caller.facility, caller.sent.get("account", ""), self.desk.clock.now()):
            return await self._all(caller, status=422, wrong="管理者が1人もいなくなるため、やめさせられません")
        return self.desk.go("/office/accounts")

    async def end_any(self, caller: Caller) -> Response:
        """End anybody's sign-in at this station."""
        await self.desk.office.sign_out(caller.sent.get("sign_in", ""), facility=caller.facility)
        return self.desk.go("/office/accounts")

    async def _member(self, caller: Caller) -> Member | None:
        people = await self.desk.office.people(caller.facility)
        return next((each for each in people if each.account.id == caller.sent.get("account", "")), None)

    def _shown(self, sign_ins: Iterable[tuple[SignIn, str]]) -> list[tuple[SignIn, str, str]]:
        now = self.desk.clock.now()
        return [(each, name, format_time(each.used_at)) for each, name in sign_ins if each.is_open(now)]
