"""Accounts in SQL: memberships, sign-ins, invitations, passkeys and one-time proofs."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from sqlalchemy import (
    LABEL_STYLE_TABLENAME_PLUS_COL,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from typing_extensions import override

from app.adapters.sql import schema as t
from app.adapters.sql.database import Connected
from app.adapters.sql.rows import AnyRow, row_of, value_of
from app.ports.office import Office
from app.rules.record.clock import BEHIND
from app.rules.station.account import Account, Invitation, Key, Member, Officer, Role, SignIn
from app.rules.station.station import Station

_STEPS_AHEAD: Final = BEHIND // 30
"""TOTP steps: a stored step further ahead than that was used under a wrong clock, and is ignored."""
_OPEN = t.account.c.revoked_at.is_(None)


class SqlAccounts(Connected, Office):
    """Keeps accounts, invitations and sign-ins."""

    # --- who is signed in -----------------------------------------------------------------------------------

    @override
    async def account(self, login: str) -> Account | None:
        return self._account(t.account.c.login == login)

    @override
    async def account_by_id(self, account: str) -> Account | None:
        return self._account(t.account.c.id == account)

    def _account(self, which: Any) -> Account | None:
        row = self.database.first(select(t.account).where(which, _OPEN))
        return value_of(Account, row) if row else None

    @override
    async def stations_of(self, account: str) -> tuple[tuple[Station, Role], ...]:
        rows = self.database.rows(
            select(t.facility, t.member.c.role)
            .join(t.member, t.member.c.facility == t.facility.c.id)
            .where(t.member.c.account == account)
            .order_by(t.facility.c.name)
        )
        return tuple((value_of(Station, row), Role(row.role)) for row in rows)

    @override
    async def officer(self, secret: str) -> Officer | None:
        belongs = and_(t.member.c.account == t.account.c.id, t.member.c.facility == t.sign_in.c.facility)
        row = self.database.first(
            select(t.sign_in, t.account, t.facility, t.member.c.role)
            .join(t.account, and_(t.account.c.id == t.sign_in.c.account, _OPEN))
            .join(t.member, belongs)
            .join(t.facility, t.facility.c.id == t.sign_in.c.facility)
            .where(t.sign_in.c.secret == secret)
            .set_label_style(LABEL_STYLE_TABLENAME_PLUS_COL)
        )
        if row is None:
            return None
        station, role = value_of(Station, row, "facility_"), Role(row.member_role)
        return Officer(value_of(Account, row, "account_"), _signed(row, "sign_in_"), station, role)

    @override
    async def sign_in(self, new: SignIn) -> None:
        await self._run(insert(t.sign_in).values(**row_of(new)))

    @override
    async def touch(self, sign_in: str, now: int) -> None:
        await self._run(update(t.sign_in).where(t.sign_in.c.id == sign_in).values(used_at=now))

    @override
    async def move(self, sign_in: str, facility: str) -> None:
        await self._run(update(t.sign_in).where(t.sign_in.c.id == sign_in).values(facility=facility))

    @override
    async def sign_out(self, sign_in: str, *, facility: str = "", account: str = "") -> bool:
        belongs = _of(facility, account)
        return await self._run(delete(t.sign_in).where(t.sign_in.c.id == sign_in, belongs)) == 1

    @override
    async def sign_ins(self, *, facility: str = "", account: str = "") -> tuple[tuple[SignIn, str], ...]:
        rows = self.database.rows(
            select(t.sign_in, t.account.c.name)
            .join(t.account, t.account.c.id == t.sign_in.c.account)
            .where(_of(facility, account))
            .order_by(t.sign_in.c.used_at.desc())
            .limit(200)
        )
        return tuple((_signed(row), str(row.name)) for row in rows)

    # --- proofs, each used once -----------------------------------------------------------------------------

    @override
    async def take_step(self, account: str, step: int) -> bool:
        last = t.account.c.last_step
        fresh = and_(t.account.c.id == account, or_(last < step, last > step + _STEPS_AHEAD))
        return await self._run(update(t.account).where(fresh).values(last_step=step)) == 1

    @override
    async def take_recovery(self, account: str, secret: str) -> bool:
        that_code = and_(t.recovery.c.account == account, t.recovery.c.secret == secret)
        return await self._run(delete(t.recovery).where(that_code)) == 1

    @override
    async def spend(self, secret: str, now: int) -> bool:
        unused = ~exists(select(t.spent.c.secret).where(t.spent.c.secret == secret))
        once = insert(t.spent).from_select(["secret", "at"], select(literal(secret), literal(now)).where(unused))
        return await self._run(once) == 1

    # --- accounts -------------------------------------------------------------------------------------------

    @override
    async def add(self, account: Account, facility: str, role: Role) -> None:
        def work(connection: Connection) -> None:
            connection.execute(insert(t.account).values(**row_of(account)))
            connection.execute(insert(t.member).values(account=account.id, facility=facility, role=role.value))

        await self.database.durably(work)

    @override
    async def add_member(self, account: str, facility: str, role: Role) -> None:
        await self._run(insert(t.member).values(account=account, facility=facility, role=role.value))

    @override
    async def enrol(self, account: str, sealed_totp: str, codes: tuple[str, ...], new: SignIn) -> None:
        def work(connection: Connection) -> None:
            if sealed_totp:
                connection.execute(update(t.account).where(t.account.c.id == account).values(totp=sealed_totp))
            _renew(connection, account, codes)
            connection.execute(update(t.sign_in).where(t.sign_in.c.id == new.id).values(**row_of(new)))

        await self.database.durably(work)

    @override
    async def renew_recovery(self, account: str, codes: tuple[str, ...]) -> None:
        await self.database.durably(lambda connection: _renew(connection, account, codes))

    @override
    async def recovery_left(self, account: str) -> int:
        row = self.database.first(select(func.count().label("left")).where(t.recovery.c.account == account))
        return int(row.left)

    @override
    async def keys(self, account: str) -> tuple[Key, ...]:
        rows = self.database.rows(
            select(t.passkey).where(t.passkey.c.account == account).order_by(t.passkey.c.added_at)
        )
        return tuple(value_of(Key, row) for row in rows)

    @override
    async def key(self, key: str) -> Key | None:
        row = self.database.first(select(t.passkey).where(t.passkey.c.id == key))
        return value_of(Key, row) if row else None

    @override
    async def add_key(self, key: Key) -> bool:
        def work(connection: Connection) -> bool:
            if connection.execute(select(t.passkey.c.id).where(t.passkey.c.id == key.id)).first():
                return False
            connection.execute(insert(t.passkey).values(**row_of(key)))
            return True

        return await self.database.durably(work)

    @override
    async def count_key(self, key: str, sign_count: int) -> None:
        await self._run(update(t.passkey).where(t.passkey.c.id == key).values(sign_count=sign_count))

    @override
    async def remove_key(self, account: str, key: str) -> None:
        await self._run(delete(t.passkey).where(t.passkey.c.id == key, t.passkey.c.account == account))

    @override
    async def people(self, facility: str) -> tuple[Member, ...]:
        rows = self.database.rows(
            select(t.account, t.member.c.role)
            .join(t.member, t.member.c.account == t.account.c.id)
            .where(t.member.c.facility == facility, _OPEN)
            .order_by(t.account.c.name)
        )
        return tuple(Member(value_of(Account, row), facility, Role(row.role)) for row in rows)

    @override
    async def set_role(self, facility: str, account: str, role: Role) -> bool:
        def work(connection: Connection) -> bool:
            if role is not Role.ADMIN and not _another_admin(connection, facility, account):
                return False
            _close_invitations(connection, facility, account)
            changed = connection.execute(update(t.member).where(_member(facility, account)).values(role=role))
            return changed.rowcount == 1

        return await self.database.durably(work)

    @override
    async def remove(self, facility: str, account: str, now: int) -> bool:
        def work(connection: Connection) -> bool:
            if not _another_admin(connection, facility, account):
                return False
            sign_ins_here = and_(t.sign_in.c.account == account, t.sign_in.c.facility == facility)
            connection.execute(delete(t.sign_in).where(sign_ins_here))
            _close_invitations(connection, facility, account)
            gone = connection.execute(delete(t.member).where(_member(facility, account))).rowcount == 1
            if gone and not connection.execute(select(t.member).where(t.member.c.account == account)).first():
                _forget(connection, account, now)
            return gone

        return await self.database.durably(work)

    @override
    async def invite(self, new: Invitation) -> None:
        def work(connection: Connection) -> None:
            if new.account:
                _close(connection, t.invitation.c.account == new.account, new.made_at)
            connection.execute(insert(t.invitation).values(**row_of(new)))

        await self.database.durably(work)

    @override
    async def invitation(self, secret: str) -> Invitation | None:
        row = self.database.first(select(t.invitation).where(t.invitation.c.secret == secret))
        return _invited(row) if row else None

    @override
    async def invitations(self, facility: str) -> tuple[Invitation, ...]:
        query = select(t.invitation).where(t.invitation.c.facility == facility)
        return tuple(
            _invited(row) for row in self.database.rows(query.order_by(t.invitation.c.made_at.desc()).limit(100))
        )

    @override
    async def withdraw(self, facility: str, invitation: str, now: int) -> bool:
        that_invitation = and_(t.invitation.c.id == invitation, t.invitation.c.facility == facility)
        unused = update(t.invitation).where(that_invitation, t.invitation.c.used_at.is_(None)).values(revoked_at=now)
        return await self._run(unused) == 1

    @override
    async def take_up(self, invited: Invitation, new: Account, signed: SignIn) -> bool:
        return await self.database.durably(partial(_take_up, invited, new, signed))


def _of(facility: str, account: str) -> Any:
    """Return the condition for sign-ins of a station or of an account; with neither given it matches none."""
    found = [t.sign_in.c.facility == facility] if facility else []
    found += [t.sign_in.c.account == account] if account else []
    return or_(*found) if found else literal(0) == 1


def _member(facility: str, account: str) -> Any:
    return and_(t.member.c.facility == facility, t.member.c.account == account)


def _another_admin(connection: Connection, facility: str, account: str) -> bool:
    others = and_(t.member.c.facility == facility, t.member.c.account != account, t.member.c.role == Role.ADMIN.value)
    return connection.execute(select(t.member.c.account).where(others).limit(1)).first() is not None


def _renew(connection: Connection, account: str, codes: tuple[str, ...]) -> None:
    connection.execute(delete(t.recovery).where(t.recovery.c.account == account))
    connection.execute(insert(t.recovery), [{"account": account, "secret": secret} for secret in codes])


def _take_up(invited: Invitation, new: Account, signed: SignIn, connection: Connection) -> bool:
    unused = and_(
        t.invitation.c.id == invited.id, t.invitation.c.used_at.is_(None), t.invitation.c.revoked_at.is_(None)
    )
    taken = connection.execute(select(t.account.c.id).where(t.account.c.login == new.login)).scalar()
    if taken not in {None, new.id} or (invited.inviter and invited.account and not _is_only_here(connection, invited)):
        return False
    here = _member(invited.facility, new.id)
    if connection.execute(update(t.invitation).where(unused).values(used_at=signed.opened_at)).rowcount != 1:
        return False
    if taken is None:
        connection.execute(insert(t.account).values(**row_of(new)))
    else:
        fresh = {"password": new.password, "totp": "", "last_step": 0, "revoked_at": None}
        connection.execute(update(t.account).where(t.account.c.id == new.id).values(**fresh))
        for table in (t.recovery, t.passkey, t.sign_in):
            connection.execute(delete(table).where(table.c.account == new.id))
        _close(connection, t.invitation.c.account == new.id, signed.opened_at)
    if new.id not in {member.account for member in connection.execute(select(t.member.c.account).where(here))}:
        connection.execute(insert(t.member).values(account=new.id, facility=invited.facility, role=invited.role.value))
    connection.execute(insert(t.sign_in).values(**row_of(signed)))
    return True


def _is_only_here(connection: Connection, invited: Invitation) -> bool:
    """Whether the account belongs to the inviting station alone, which may then reset it."""
    stations = connection.execute(select(t.member.c.facility).where(t.member.c.account == invited.account)).scalars()
    return list(stations) == [invited.facility]


def _close_invitations(connection: Connection, facility: str, account: str) -> None:
    """Revoke a station's open invitations to an account and by it."""
    to_or_by = or_(t.invitation.c.account == account, t.invitation.c.inviter == account)
    _close(connection, and_(t.invitation.c.facility == facility, to_or_by), 0)


def _close(connection: Connection, which: Any, now: int) -> None:
    still_open = and_(which, t.invitation.c.used_at.is_(None), t.invitation.c.revoked_at.is_(None))
    connection.execute(update(t.invitation).where(still_open).values(revoked_at=now))


def _forget(connection: Connection, account: str, now: int) -> None:
    """Delete the credentials and sign-ins of an account without memberships, and free its login."""
    for table in (t.recovery, t.passkey, t.sign_in):
        connection.execute(delete(table).where(table.c.account == account))
    gone = {"login": account, "password": "", "totp": "", "revoked_at": now}
    connection.execute(update(t.account).where(t.account.c.id == account).values(**gone))


def _signed(row: AnyRow, prefix: str = "") -> SignIn:
    return value_of(SignIn, row, prefix, full=bool(getattr(row, f"{prefix}full")))


def _invited(row: AnyRow) -> Invitation:
    return value_of(Invitation, row, role=Role(row.role))
