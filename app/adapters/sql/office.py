"""The office in SQL: accounts, links, prints, checklists. Rare and small beside the visits; simplicity first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Executable,
    Table,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from app.adapters.sql import schema as t
from app.adapters.sql.connected import Connected
from app.rules.record.clock import BEHIND
from app.rules.station.account import Account, Invitation, Key, Member, Officer, Role, SignIn
from app.rules.station.station import Facility, Link, Note, Official, Printed, Station, Terminal, Tick

_SPENT: Final = 3600
_OVER: Final = 7 * 24 * 3600
"""Seconds after which nothing depends on a sign-in any more: until then it tells where somebody last stood."""
_STEPS_AHEAD: Final = BEHIND // 30
"""Steps by which a right clock may have been ahead: a later one was used while it was wrong, and stands for nothing."""
_OPEN = t.account.c.revoked_at.is_(None)
_SEALED: Final = (
    t.account.c.totp,
    t.official.c.sealed,
    t.person.c.key,
    t.search_key.c.sealed,
    t.upload.c.preview,
    t.upload.c.sealed,
)
"""Every column that the server's keys open."""


class SqlOffice(Connected):
    """Keeps what the offices need. Implements `app.ports.Office`."""

    # --- who is signed in -----------------------------------------------------------------------------------

    async def account(self, login: str) -> Account | None:
        """Return an account that was not revoked, by its login."""
        return self._account(t.account.c.login == login)

    async def account_by_id(self, account: str) -> Account | None:
        """Return an account that was not revoked, by its id."""
        return self._account(t.account.c.id == account)

    def _account(self, which: Any) -> Account | None:
        row = self._one(select(t.account).where(which, _OPEN))
        return Account(*row) if row else None

    async def stations_of(self, account: str) -> tuple[tuple[Facility, Role], ...]:
        """Return where an account belongs, in the order of the stations' names."""
        rows = self._all(
            select(t.facility, t.member.c.role)
            .join(t.member, t.member.c.facility == t.facility.c.id)
            .where(t.member.c.account == account)
            .order_by(t.facility.c.name)
        )
        return tuple((Facility(*row[:-1]), Role(row[-1])) for row in rows)

    async def officer(self, secret: str) -> Officer | None:
        """Return who is signed in with this secret, unless account or membership are gone."""
        belongs = and_(t.member.c.account == t.account.c.id, t.member.c.facility == t.sign_in.c.facility)
        row = self._one(
            select(t.sign_in, t.account, t.facility, t.member.c.role)
            .join(t.account, and_(t.account.c.id == t.sign_in.c.account, _OPEN))
            .join(t.member, belongs)
            .join(t.facility, t.facility.c.id == t.sign_in.c.facility)
            .where(t.sign_in.c.secret == secret)
        )
        if row is None:
            return None
        one, two, three = len(t.sign_in.c), len(t.account.c), len(t.facility.c)
        who = Account(*row[one : one + two])
        return Officer(who, _signed(row[:one]), Facility(*row[one + two : one + two + three]), Role(row[-1]))

    async def sign_in(self, new: SignIn) -> None:
        """Keep a new sign-in."""
        await self._run(insert(t.sign_in).values(**_row(new)))

    async def touch(self, sign_in: str, now: int) -> None:
        """Note that a sign-in was used."""
        await self._run(update(t.sign_in).where(t.sign_in.c.id == sign_in).values(used_at=now))

    async def move(self, sign_in: str, facility: str) -> None:
        """Let a sign-in stand at another station."""
        await self._run(update(t.sign_in).where(t.sign_in.c.id == sign_in).values(facility=facility))

    async def sign_out(self, sign_in: str, *, facility: str = "", account: str = "") -> bool:
        """End a sign-in at once, if it is of that station or account; say whether there was one."""
        mine = _of(facility, account)
        return await self._run(delete(t.sign_in).where(t.sign_in.c.id == sign_in, mine)) == 1

    async def sign_ins(self, *, facility: str = "", account: str = "") -> tuple[tuple[SignIn, str], ...]:
        """Return sign-ins of a station or of an account, newest first, each with its person's name."""
        rows = self._all(
            select(t.sign_in, t.account.c.name)
            .join(t.account, t.account.c.id == t.sign_in.c.account)
            .where(_of(facility, account))
            .order_by(t.sign_in.c.used_at.desc())
            .limit(200)
        )
        return tuple((_signed(row[:-1]), str(row[-1])) for row in rows)

    # --- proofs, each used once -----------------------------------------------------------------------------

    async def take_step(self, account: str, step: int) -> bool:
        """Use up a one-time code's step; False when it or a later one was used before."""
        last = t.account.c.last_step
        fresh = and_(t.account.c.id == account, or_(last < step, last > step + _STEPS_AHEAD))
        return await self._run(update(t.account).where(fresh).values(last_step=step)) == 1

    async def take_recovery(self, account: str, secret: str) -> bool:
        """Use up a recovery code; False when there is none."""
        mine = and_(t.recovery.c.account == account, t.recovery.c.secret == secret)
        return await self._run(delete(t.recovery).where(mine)) == 1

    async def spend(self, secret: str, now: int) -> bool:
        """Use up a one-time value; False when it was used before."""
        unused = ~exists(select(t.spent.c.secret).where(t.spent.c.secret == secret))
        once = insert(t.spent).from_select(["secret", "at"], select(literal(secret), literal(now)).where(unused))
        return await self._run(once) == 1

    # --- accounts -------------------------------------------------------------------------------------------

    async def add(self, account: Account, facility: str, role: Role) -> None:
        """Keep a new account that belongs to a station."""

        def work(connection: Connection) -> None:
            connection.execute(insert(t.account).values(**asdict(account)))
            connection.execute(insert(t.member).values(account=account.id, facility=facility, role=role.value))

        await self._durably(work)

    async def add_member(self, account: str, facility: str, role: Role) -> None:
        """Let an account belong to one more station."""
        await self._run(insert(t.member).values(account=account, facility=facility, role=role.value))

    async def enrol(self, account: str, sealed_totp: str, codes: tuple[str, ...], new: SignIn) -> None:
        """Keep a second factor with new recovery codes, and let the sign-in count fully, under a new secret."""

        def work(connection: Connection) -> None:
            if sealed_totp:
                connection.execute(update(t.account).where(t.account.c.id == account).values(totp=sealed_totp))
            _renew(connection, account, codes)
            connection.execute(update(t.sign_in).where(t.sign_in.c.id == new.id).values(**_row(new)))

        await self._durably(work)

    async def renew_recovery(self, account: str, codes: tuple[str, ...]) -> None:
        """Put new recovery codes in the place of the old ones."""
        await self._durably(lambda connection: _renew(connection, account, codes))

    async def recovery_left(self, account: str) -> int:
        """Return how many recovery codes are left."""
        row = self._one(select(func.count()).where(t.recovery.c.account == account))
        return int(row[0]) if row else 0

    async def keys(self, account: str) -> tuple[Key, ...]:
        """Return the passkeys of an account."""
        rows = self._all(select(t.passkey).where(t.passkey.c.account == account).order_by(t.passkey.c.added_at))
        return tuple(Key(*row) for row in rows)

    async def key(self, key: str) -> Key | None:
        """Return a passkey by its id."""
        row = self._one(select(t.passkey).where(t.passkey.c.id == key))
        return Key(*row) if row else None

    async def add_key(self, key: Key) -> bool:
        """Keep a new passkey; False when one with this id is there already."""

        def work(connection: Connection) -> bool:
            if connection.execute(select(t.passkey.c.id).where(t.passkey.c.id == key.id)).first():
                return False
            connection.execute(insert(t.passkey).values(**asdict(key)))
            return True

        return await self._durably(work)

    async def count_key(self, key: str, sign_count: int) -> None:
        """Note how often a passkey has signed."""
        await self._run(update(t.passkey).where(t.passkey.c.id == key).values(sign_count=sign_count))

    async def remove_key(self, account: str, key: str) -> None:
        """Forget a passkey of an account."""
        await self._run(delete(t.passkey).where(t.passkey.c.id == key, t.passkey.c.account == account))

    async def people(self, facility: str) -> tuple[Member, ...]:
        """Return who belongs to a station."""
        rows = self._all(
            select(t.account, t.member.c.role)
            .join(t.member, t.member.c.account == t.account.c.id)
            .where(t.member.c.facility == facility, _OPEN)
            .order_by(t.account.c.name)
        )
        return tuple(Member(Account(*row[:-1]), facility, Role(row[-1])) for row in rows)

    async def set_role(self, facility: str, account: str, role: Role) -> bool:
        """Change what somebody is at a station; False when nobody is, or when no administrator would be left."""

        def work(connection: Connection) -> bool:
            if role is not Role.ADMIN and not _another_admin(connection, facility, account):
                return False
            _close_invitations(connection, facility, account)
            changed = connection.execute(update(t.member).where(_member(facility, account)).values(role=role))
            return changed.rowcount == 1

        return await self._durably(work)

    async def remove(self, facility: str, account: str, now: int) -> bool:
        """End a membership, its sign-ins and open invitations; False when no administrator would be left."""

        def work(connection: Connection) -> bool:
            if not _another_admin(connection, facility, account):
                return False
            mine = and_(t.sign_in.c.account == account, t.sign_in.c.facility == facility)
            connection.execute(delete(t.sign_in).where(mine))
            _close_invitations(connection, facility, account)
            gone = connection.execute(delete(t.member).where(_member(facility, account))).rowcount == 1
            if gone and not connection.execute(select(t.member).where(t.member.c.account == account)).first():
                _forget(connection, account, now)
            return gone

        return await self._durably(work)

    async def invite(self, new: Invitation) -> None:
        """Keep an invitation."""

        def work(connection: Connection) -> None:
            if new.account:
                _close(connection, t.invitation.c.account == new.account, new.made_at)
            connection.execute(insert(t.invitation).values(**asdict(new)))

        await self._durably(work)

    async def invitation(self, secret: str) -> Invitation | None:
        """Return an invitation by its secret."""
        row = self._one(select(t.invitation).where(t.invitation.c.secret == secret))
        return _invited(row) if row else None

    async def invitations(self, facility: str) -> tuple[Invitation, ...]:
        """Return a station's invitations, newest first."""
        mine = select(t.invitation).where(t.invitation.c.facility == facility)
        return tuple(_invited(row) for row in self._all(mine.order_by(t.invitation.c.made_at.desc()).limit(100)))

    async def withdraw(self, facility: str, invitation: str, now: int) -> bool:
        """Revoke an invitation that was not used."""
        mine = and_(t.invitation.c.id == invitation, t.invitation.c.facility == facility)
        unused = update(t.invitation).where(mine, t.invitation.c.used_at.is_(None)).values(revoked_at=now)
        return await self._run(unused) == 1

    async def take_up(self, invited: Invitation, new: Account, signed: SignIn) -> bool:
        """Use an invitation: the account and its membership are there, its former proofs and sign-ins gone."""
        return await self._durably(partial(_take_up, invited, new, signed))

    # --- stations and links ---------------------------------------------------------------------------------

    async def station(self, facility: str) -> Station:
        """Return what a station says of its equipment and rules."""
        row = self._one(select(t.station).where(t.station.c.facility == facility))
        return _station(row) if row else Station(facility)

    async def save_station(self, known: Facility, said: Station, *, names_were: bool | None = None) -> bool:
        """Keep what a station is and says; False, and nothing written, unless names are kept as `names_were` says."""

        def work(connection: Connection) -> bool:
            keeps = select(t.station.c.keeps_names).where(t.station.c.facility == known.id)
            if names_were not in {None, bool(connection.execute(keeps).scalar())}:
                return False
            shown = {"name": known.name, "code": known.code, "telephone": known.telephone}
            connection.execute(update(t.facility).where(t.facility.c.id == known.id).values(**shown))
            connection.execute(delete(t.station).where(t.station.c.facility == known.id))
            connection.execute(insert(t.station).values(**_row(said)))
            return True

        return await self._durably(work)

    async def links(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Link, ...]:
        """Return revisions of a station's entry, newest first, older than `before`."""
        return tuple(Link(*row) for row in self._all(_revisions(t.link, facility, before, limit)))

    async def officials(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Official, ...]:
        """Return revisions of a station's official address, newest first, older than `before`."""
        return tuple(Official(*row) for row in self._all(_revisions(t.official, facility, before, limit)))

    async def replace_entry(self, new: Link) -> Link | None:
        """Make `new` the live entry, its revision counted here; None when `new.revision` is not the live one's."""

        def work(connection: Connection) -> Link | None:
            mine = and_(
                t.link.c.facility == new.facility, t.link.c.replaced_at.is_(None), t.link.c.revision == new.revision
            )
            if connection.execute(update(t.link).where(mine).values(replaced_at=new.issued_at)).rowcount != 1:
                return None
            made = replace(new, revision=new.revision + 1)
            connection.execute(insert(t.link).values(**asdict(made)))
            return made

        return await self._durably(work)

    async def replace_official(self, new: Official) -> Official:
        """Make this the live official address, its revision counted here."""

        def work(connection: Connection) -> Official:
            mine = t.official.c.facility == new.facility
            newest = select(func.coalesce(func.max(t.official.c.revision), 0)).where(mine)
            made = replace(new, revision=connection.execute(newest).scalar_one() + 1)
            live = update(t.official).where(mine, t.official.c.replaced_at.is_(None))
            connection.execute(live.values(replaced_at=new.issued_at))
            connection.execute(insert(t.official).values(**asdict(made)))
            return made

        return await self._durably(work)

    async def checked(self, facility: str, which: str, revision: int, now: int) -> bool:
        """Note that an entry or official address was opened and leads where it should; False when it is not live."""
        table = t.official if which == "official" else t.link
        live = update(table).where(table.c.facility == facility, table.c.replaced_at.is_(None))
        return await self._run(live.where(table.c.revision == revision).values(checked_at=now)) == 1

    async def reseal(self, renew: Callable[[str], str]) -> int:
        """Put everything that is sealed under what `renew` makes of it, all or nothing; return how many."""

        def work(connection: Connection) -> int:
            return sum(_resealed(connection, column, renew) for column in _SEALED)

        return await self._durably(work)

    # --- prints ---------------------------------------------------------------------------------------------

    async def print(self, new: Printed) -> None:
        """Keep that sheets were printed."""
        await self._run(insert(t.printed).values(**asdict(new)))

    async def prints(
        self, facility: str, *, only: str = "", before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[tuple[Printed, bool], ...]:
        """Return prints with whether their code still lives, newest first; `only`: live, dead, or all."""
        lives = case((t.printed.c.which == "official", _lives(t.official)), else_=_lives(t.link))
        chosen = select(t.printed, lives.label("lives")).where(t.printed.c.facility == facility)
        if only == "dead":
            chosen = chosen.where(lives == 0, t.printed.c.replaced_at.is_(None))
        elif only == "live":
            chosen = chosen.where(lives == 1)
        if before is not None:
            chosen = chosen.where(tuple_(t.printed.c.at, t.printed.c.id) < before)
        rows = self._all(chosen.order_by(t.printed.c.at.desc(), t.printed.c.id.desc()).limit(limit))
        return tuple((Printed(*row[:-1]), bool(row[-1])) for row in rows)

    async def copies(self, facility: str, which: str) -> Mapping[int, tuple[int, int]]:
        """Return of each revision that was printed: how many copies, and when last."""
        mine = and_(t.printed.c.facility == facility, t.printed.c.which == which)
        of = t.printed.c.revision
        rows = self._all(select(of, func.sum(t.printed.c.copies), func.max(t.printed.c.at)).where(mine).group_by(of))
        return {row[0]: (int(row[1]), int(row[2])) for row in rows}

    async def replaced(self, facility: str, printed: str, now: int) -> None:
        """Note that a dead print was taken down."""
        mine = and_(t.printed.c.id == printed, t.printed.c.facility == facility, t.printed.c.replaced_at.is_(None))
        dead = case((t.printed.c.which == "official", _lives(t.official)), else_=_lives(t.link)) == 0
        await self._run(update(t.printed).where(mine, dead).values(replaced_at=now))

    # --- checklists -----------------------------------------------------------------------------------------

    async def ticks(self, facility: str, checklist: str, period: str) -> Mapping[str, tuple[int, str]]:
        """Return the rows of a checklist that are done: when, and by whom."""
        mine = _ticked(facility, checklist, period)
        return {row.row: (row.at, row.by) for row in self._all(select(t.ticked).where(mine))}

    async def tick(self, tick: Tick, *, done: bool) -> None:
        """Tick a row, or take its tick away."""

        def work(connection: Connection) -> None:
            mine = and_(_ticked(tick.facility, tick.checklist, tick.period), t.ticked.c.row == tick.row)
            connection.execute(delete(t.ticked).where(mine))
            if done:
                connection.execute(insert(t.ticked).values(**asdict(tick)))

        await self._durably(work)

    async def notes(self, facility: str) -> Mapping[str, Note]:
        """Return what a station added to the guide, by topic."""
        mine = select(t.note).where(t.note.c.facility == facility)
        return {row.topic: Note(*row) for row in self._all(mine)}

    async def save_note(self, note: Note) -> None:
        """Keep a note; one without text and number goes."""

        def work(connection: Connection) -> None:
            connection.execute(delete(t.note).where(t.note.c.facility == note.facility, t.note.c.topic == note.topic))
            if note.text or note.telephone:
                connection.execute(insert(t.note).values(**asdict(note)))

        await self._durably(work)

    async def tidy(self, now: int) -> None:
        """Remove used one-time values and sign-ins that are long over."""
        await self._run(delete(t.spent).where(~t.spent.c.at.between(now - _SPENT, now + _SPENT)))
        await self._run(delete(t.sign_in).where(~t.sign_in.c.used_at.between(now - _OVER, now + _OVER)))

    async def _run(self, statement: Executable) -> int:
        # Of an insert the count would be gone with its cursor, on some drivers.
        counted = statement.execution_options(preserve_rowcount=True)
        return await self._durably(lambda connection: connection.execute(counted).rowcount)


def _of(facility: str, account: str) -> Any:
    """Return the condition that a sign-in is of this station, or of this account; of neither when none is given."""
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
        connection.execute(insert(t.account).values(**asdict(new)))
    else:
        fresh = {"password": new.password, "totp": "", "last_step": 0, "revoked_at": None}
        connection.execute(update(t.account).where(t.account.c.id == new.id).values(**fresh))
        for table in (t.recovery, t.passkey, t.sign_in):
            connection.execute(delete(table).where(table.c.account == new.id))
        _close(connection, t.invitation.c.account == new.id, signed.opened_at)
    if new.id not in {member.account for member in connection.execute(select(t.member.c.account).where(here))}:
        connection.execute(insert(t.member).values(account=new.id, facility=invited.facility, role=invited.role.value))
    connection.execute(insert(t.sign_in).values(**_row(signed)))
    return True


def _is_only_here(connection: Connection, invited: Invitation) -> bool:
    """Whether a station may still set an account up anew: it belongs there, and nowhere else."""
    stations = connection.execute(select(t.member.c.facility).where(t.member.c.account == invited.account)).scalars()
    return list(stations) == [invited.facility]


def _close_invitations(connection: Connection, facility: str, account: str) -> None:
    """Revoke what is open for somebody, and what they have invited others to."""
    theirs = or_(t.invitation.c.account == account, t.invitation.c.inviter == account)
    _close(connection, and_(t.invitation.c.facility == facility, theirs), 0)


def _close(connection: Connection, which: Any, now: int) -> None:
    still_open = and_(which, t.invitation.c.used_at.is_(None), t.invitation.c.revoked_at.is_(None))
    connection.execute(update(t.invitation).where(still_open).values(revoked_at=now))


def _forget(connection: Connection, account: str, now: int) -> None:
    """Take away what somebody signed in with, once they belong nowhere; their login is free again."""
    for table in (t.recovery, t.passkey, t.sign_in):
        connection.execute(delete(table).where(table.c.account == account))
    gone = {"login": account, "password": "", "totp": "", "revoked_at": now}
    connection.execute(update(t.account).where(t.account.c.id == account).values(**gone))


def _resealed(connection: Connection, column: Any, renew: Callable[[str], str]) -> int:
    """Put one column under what `renew` makes of it; return how many values there were."""
    table, place = column.table, [*column.table.primary_key.columns]
    rows = connection.execute(select(*place, column).where(column.is_not(None))).all()
    kept = [(key, sealed) for *key, sealed in rows if sealed]
    for key, sealed in kept:
        mine = and_(*(part == value for part, value in zip(place, key, strict=True)))
        renewed = renew(sealed.decode()).encode() if isinstance(sealed, bytes) else renew(sealed)
        connection.execute(update(table).where(mine).values({column.name: renewed}))
    return len(kept)


def _revisions(table: Table, facility: str, before: int | None, limit: int) -> Executable:
    chosen = select(table).where(table.c.facility == facility)
    if before is not None:
        chosen = chosen.where(table.c.revision < before)
    return chosen.order_by(table.c.revision.desc()).limit(limit)


def _lives(table: Table) -> Any:
    same = and_(table.c.facility == t.printed.c.facility, table.c.revision == t.printed.c.revision)
    return case((exists(select(table.c.revision).where(same, table.c.replaced_at.is_(None))), 1), else_=0)


def _ticked(facility: str, checklist: str, period: str) -> Any:
    return and_(t.ticked.c.facility == facility, t.ticked.c.checklist == checklist, t.ticked.c.period == period)


def _row(value: SignIn | Station) -> dict[str, Any]:
    """Return the row of a value: truth as 0 and 1, since a strict table knows whole numbers only."""
    return {name: int(field) if isinstance(field, bool) else field for name, field in asdict(value).items()}


def _signed(row: Any) -> SignIn:
    found = SignIn(*row)
    return replace(found, full=bool(found.full))


def _invited(row: Any) -> Invitation:
    found = Invitation(*row)
    return replace(found, role=Role(found.role))


def _station(row: Any) -> Station:
    found = Station(*row)
    return replace(
        found,
        terminal=Terminal(found.terminal),
        linked=_yes_or_no(found.linked),
        maintenance=_yes_or_no(found.maintenance),
        keeps_names=bool(found.keeps_names),
    )


def _yes_or_no(value: int | None) -> bool | None:
    return None if value is None else bool(value)
