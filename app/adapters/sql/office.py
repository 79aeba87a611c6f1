"""The office in SQL: stations, links, prints, checklists. Rare and small beside the visits; simplicity first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import Connection, Executable, Table, and_, case, delete, exists, func, insert, select, tuple_, update
from typing_extensions import override

from app.adapters.sql import schema as t
from app.adapters.sql.accounts import SqlAccounts
from app.adapters.sql.rows import AnyRow, row_of, value_of
from app.rules.station.station import Link, Note, Official, Printed, Station, StationProfile, Terminal, Tick

_SPENT: Final = 3600
_OVER: Final = 7 * 24 * 3600
"""Seconds after which a sign-in is deleted; until then it tells at which station the account was last."""
_SEALED: Final = (
    t.account.c.totp,
    t.official.c.sealed,
    t.person.c.key,
    t.search_key.c.sealed,
    t.upload.c.preview,
    t.upload.c.sealed,
)
"""Every column that is sealed with the server's keys."""


class SqlOffice(SqlAccounts):
    """Keeps stations, links, prints, checklists and notes."""

    # --- stations and links ---------------------------------------------------------------------------------

    @override
    async def station(self, facility: str) -> StationProfile:
        row = self.database.first(select(t.station).where(t.station.c.facility == facility))
        return _station(row) if row else StationProfile(facility)

    @override
    async def save_station(self, station: Station, profile: StationProfile, *, names_were: bool | None = None) -> bool:
        def work(connection: Connection) -> bool:
            keeps = select(t.station.c.keeps_names).where(t.station.c.facility == station.id)
            if names_were not in {None, bool(connection.execute(keeps).scalar())}:
                return False
            connection.execute(update(t.facility).where(t.facility.c.id == station.id).values(**row_of(station)))
            connection.execute(delete(t.station).where(t.station.c.facility == station.id))
            connection.execute(insert(t.station).values(**row_of(profile)))
            return True

        return await self.database.durably(work)

    @override
    async def links(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Link, ...]:
        return tuple(value_of(Link, row) for row in self.database.rows(_revisions(t.link, facility, before, limit)))

    @override
    async def officials(self, facility: str, before: int | None = None, limit: int = 50) -> tuple[Official, ...]:
        return tuple(
            value_of(Official, row) for row in self.database.rows(_revisions(t.official, facility, before, limit))
        )

    @override
    async def replace_entry(self, new: Link) -> Link | None:
        def work(connection: Connection) -> Link | None:
            current = and_(
                t.link.c.facility == new.facility, t.link.c.replaced_at.is_(None), t.link.c.revision == new.revision
            )
            if connection.execute(update(t.link).where(current).values(replaced_at=new.issued_at)).rowcount != 1:
                return None
            made = replace(new, revision=new.revision + 1)
            connection.execute(insert(t.link).values(**row_of(made)))
            return made

        return await self.database.durably(work)

    @override
    async def replace_official(self, new: Official) -> Official:
        def work(connection: Connection) -> Official:
            of_station = t.official.c.facility == new.facility
            newest = select(func.coalesce(func.max(t.official.c.revision), 0)).where(of_station)
            made = replace(new, revision=connection.execute(newest).scalar_one() + 1)
            live = update(t.official).where(of_station, t.official.c.replaced_at.is_(None))
            connection.execute(live.values(replaced_at=new.issued_at))
            connection.execute(insert(t.official).values(**row_of(made)))
            return made

        return await self.database.durably(work)

    @override
    async def checked(self, facility: str, which: str, revision: int, now: int) -> bool:
        table = t.official if which == "official" else t.link
        live = update(table).where(table.c.facility == facility, table.c.replaced_at.is_(None))
        return await self._run(live.where(table.c.revision == revision).values(checked_at=now)) == 1

    @override
    async def reseal(self, renew: Callable[[str], str]) -> int:
        def work(connection: Connection) -> int:
            return sum(_resealed(connection, column, renew) for column in _SEALED)

        return await self.database.durably(work)

    # --- prints ---------------------------------------------------------------------------------------------

    @override
    async def print(self, new: Printed) -> None:
        await self._run(insert(t.printed).values(**row_of(new)))

    @override
    async def prints(
        self, facility: str, *, only: str = "", before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[tuple[Printed, bool], ...]:
        lives = case((t.printed.c.which == "official", _lives(t.official)), else_=_lives(t.link))
        chosen = select(t.printed, lives.label("lives")).where(t.printed.c.facility == facility)
        if only == "dead":
            chosen = chosen.where(lives == 0, t.printed.c.replaced_at.is_(None))
        elif only == "live":
            chosen = chosen.where(lives == 1)
        if before is not None:
            chosen = chosen.where(tuple_(t.printed.c.at, t.printed.c.id) < before)
        rows = self.database.rows(chosen.order_by(t.printed.c.at.desc(), t.printed.c.id.desc()).limit(limit))
        return tuple((value_of(Printed, row), bool(row.lives)) for row in rows)

    @override
    async def copies(self, facility: str, which: str) -> Mapping[int, tuple[int, int]]:
        of_code = and_(t.printed.c.facility == facility, t.printed.c.which == which)
        p = t.printed.c
        counted = select(p.revision, func.sum(p.copies).label("copies"), func.max(p.at).label("last_at"))
        rows = self.database.rows(counted.where(of_code).group_by(p.revision))
        return {row.revision: (int(row.copies), int(row.last_at)) for row in rows}

    @override
    async def replaced(self, facility: str, printed: str, now: int) -> None:
        that_print = and_(
            t.printed.c.id == printed, t.printed.c.facility == facility, t.printed.c.replaced_at.is_(None)
        )
        dead = case((t.printed.c.which == "official", _lives(t.official)), else_=_lives(t.link)) == 0
        await self._run(update(t.printed).where(that_print, dead).values(replaced_at=now))

    # --- checklists -----------------------------------------------------------------------------------------

    @override
    async def ticks(self, facility: str, checklist: str, period: str) -> Mapping[str, tuple[int, str]]:
        of_period = _ticked(facility, checklist, period)
        return {row.row: (row.at, row.by) for row in self.database.rows(select(t.ticked).where(of_period))}

    @override
    async def tick(self, tick: Tick, *, done: bool) -> None:
        def work(connection: Connection) -> None:
            that_row = and_(_ticked(tick.facility, tick.checklist, tick.period), t.ticked.c.row == tick.row)
            connection.execute(delete(t.ticked).where(that_row))
            if done:
                connection.execute(insert(t.ticked).values(**row_of(tick)))

        await self.database.durably(work)

    @override
    async def notes(self, facility: str) -> Mapping[str, Note]:
        query = select(t.note).where(t.note.c.facility == facility)
        return {row.topic: value_of(Note, row) for row in self.database.rows(query)}

    @override
    async def save_note(self, note: Note) -> None:
        def work(connection: Connection) -> None:
            connection.execute(delete(t.note).where(t.note.c.facility == note.facility, t.note.c.topic == note.topic))
            if note.text or note.telephone:
                connection.execute(insert(t.note).values(**row_of(note)))

        await self.database.durably(work)

    @override
    async def tidy(self, now: int) -> None:
        await self._run(delete(t.spent).where(~t.spent.c.at.between(now - _SPENT, now + _SPENT)))
        await self._run(delete(t.sign_in).where(~t.sign_in.c.used_at.between(now - _OVER, now + _OVER)))


def _resealed(connection: Connection, column: Any, renew: Callable[[str], str]) -> int:
    """Apply `renew` to every value of a column; return how many there were."""
    table, place = column.table, [*column.table.primary_key.columns]
    rows = connection.execute(select(*place, column).where(column.is_not(None))).all()
    kept = [(row, sealed) for row in rows if (sealed := getattr(row, column.name))]
    for row, sealed in kept:
        that_row = and_(*(part == getattr(row, part.name) for part in place))
        renewed = renew(sealed.decode()).encode() if isinstance(sealed, bytes) else renew(sealed)
        connection.execute(update(table).where(that_row).values({column.name: renewed}))
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


def _station(row: AnyRow) -> StationProfile:
    return value_of(
        StationProfile,
        row,
        terminal=Terminal(row.terminal),
        linked=_yes_or_no(row.linked),
        maintenance=_yes_or_no(row.maintenance),
        keeps_names=bool(row.keeps_names),
    )


def _yes_or_no(value: int | None) -> bool | None:
    return None if value is None else bool(value)
