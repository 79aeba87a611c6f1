"""The registry in SQL: one row per person of the terminal's files; one index filters and sorts each search."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    tuple_,
    update,
)
from typing_extensions import override

import app.adapters.sql.schema as t
import app.adapters.sql.statements as sql
from app.adapters.person_keys import PersonKeys, SearchKey, with_hashes
from app.adapters.sql import merge
from app.adapters.sql.chain import append, must_be_open
from app.adapters.sql.database import Connected, Database
from app.adapters.sql.erasure import OF_A_PERSON
from app.adapters.sql.rows import AnyRow, logged_from, row_of, value_of
from app.ports.consent_list import ConsentList
from app.ports.store import Logged
from app.rules.record.event import Event, EventType
from app.rules.terminal.consent_list import By, Incoming, ListedPerson, Search, packed, united, unpacked, without_names
from app.rules.terminal.consent_list import from_json as body_from_json
from app.rules.terminal.exchange import STALE, Exchange, MergeOutcome, Stage, Taken, Upload
from app.rules.terminal.preview import Preview
from app.rules.terminal.values import comparable
from app.rules.words.names import sought
from app.tokens import Sealer

T = TypeVar("T")
WAITS: Final = 3600
"""Seconds after which a file that waits is deleted."""
WAITING: Final = 20
"""Files that may wait at a station; beyond that the oldest is deleted, so that uploads cannot fill the disk."""
NEAR: Final = 100
_P: Final = t.person
_LAST_ID: Final = "\U0010ffff"


class SqlConsentList(Connected, ConsentList):
    """Keeps what the terminal's files say."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        super().__init__(database)
        self._keys = PersonKeys(sealer)
        self._search_keys: dict[str, SearchKey] = {}

    # --- requests for the terminal --------------------------------------------------------------------------

    @override
    async def ask(self, new: Exchange) -> Exchange:
        def work(connection: Connection) -> Exchange:
            of_day = t.exchange.c.facility == new.facility, t.exchange.c.day == new.day
            last = connection.execute(select(func.max(t.exchange.c.counter)).where(*of_day)).scalar()
            counted = replace(new, counter=(last or 0) + 1)
            connection.execute(insert(t.exchange).values(row_of(counted)))
            return counted

        return await self.database.durably(work)

    @override
    async def exchange(self, facility: str, key: str) -> Exchange | None:
        query = select(t.exchange).where(t.exchange.c.facility == facility, t.exchange.c.key == key)
        row = self.database.first(query)
        return value_of(Exchange, row) if row else None

    @override
    async def exchanges(self, facility: str, limit: int) -> tuple[Exchange, ...]:
        order = t.exchange.c.day.desc(), t.exchange.c.counter.desc()
        query = select(t.exchange).where(t.exchange.c.facility == facility).order_by(*order).limit(limit)
        return tuple(value_of(Exchange, row) for row in self.database.rows(query))

    @override
    async def received(self, facility: str, key: str, reception: str) -> bool:
        change = update(t.exchange).where(t.exchange.c.facility == facility, t.exchange.c.key == key)
        return await self._run(change.values(reception=reception)) == 1

    # --- files on the way -----------------------------------------------------------------------------------

    @override
    async def known(self, facility: str, data: bytes, *, names: bool, at: int, by: str) -> Upload | None:
        key = self._kept_key(facility)
        if key is None:
            return None
        digest = await asyncio.to_thread(key.digest, data)
        row = self.database.first(select(t.upload).where(t.upload.c.facility == facility, t.upload.c.digest == digest))
        found = self._upload(row) if row else None
        if found is None or found.stage is not Stage.WAITING:
            return found
        if found.preview.has_names is not names:
            return None
        waits = t.upload.c.id == found.id, t.upload.c.stage == Stage.WAITING.value
        await self._run(update(t.upload).where(*waits).values(at=at, touched_at=at, by=by))
        return replace(found, at=at, touched_at=at, by=by)

    @override
    async def keep(self, new: Upload, data: bytes, people: Sequence[Incoming], *, names: bool) -> Upload:
        key = await self._search_key(new.facility)
        digest = key.digest(data)
        sealed, total = await asyncio.to_thread(self._sealed, key, people, names=names)
        new = replace(new, total=total, preview=replace(new.preview, has_names=names))
        row = {
            **row_of(new),
            "outcome": json.dumps(asdict(new.outcome)),
            "digest": digest,
            "sealed": sealed,
            "preview": self._keys.wrapped(new.preview.as_json().encode()).decode(),
        }

        def work(connection: Connection) -> Upload:
            same = t.upload.c.facility == new.facility, t.upload.c.digest == digest
            found = connection.execute(select(t.upload).where(*same)).first()
            if found and found.stage != Stage.WAITING.value:
                return self._upload(found)
            if found:  # whoever reads it again finds it where the first one left it
                connection.execute(update(t.upload).where(t.upload.c.id == found.id).values({**row, "id": found.id}))
                return replace(new, id=found.id)
            connection.execute(insert(t.upload).values(row))
            _make_room(connection, new.facility)
            return new

        return await self.database.durably(work)

    def _sealed(self, key: SearchKey, people: Sequence[Incoming], *, names: bool) -> tuple[bytes, int]:
        """Return the people of a file, encrypted, and how many they are."""
        known = united(with_hashes(key, people))
        kept = known if names else [without_names(each) for each in known]
        return self._keys.wrapped(zlib.compress(packed(kept), 1)), len(kept)

    @override
    async def upload(self, facility: str, upload: str) -> Upload | None:
        row = self.database.first(select(t.upload).where(t.upload.c.facility == facility, t.upload.c.id == upload))
        return self._upload(row) if row else None

    @override
    async def uploads(self, facility: str, limit: int) -> tuple[Upload, ...]:
        order = t.upload.c.at.desc(), t.upload.c.id.desc()
        query = select(t.upload).where(t.upload.c.facility == facility).order_by(*order).limit(limit)
        return tuple(self._upload(row) for row in self.database.rows(query))

    def _upload(self, row: AnyRow) -> Upload:
        preview = Preview.from_json(self._keys.unwrapped(row.preview.encode()).decode())
        outcome = MergeOutcome(**json.loads(row.outcome))
        return value_of(Upload, row, stage=Stage(row.stage), preview=preview, outcome=outcome)

    @override
    async def drop(self, facility: str, upload: str) -> None:
        that_upload = t.upload.c.facility == facility, t.upload.c.id == upload, t.upload.c.stage == Stage.WAITING.value
        await self._run(delete(t.upload).where(*that_upload))

    @override
    async def begin(self, facility: str, upload: str, now: int) -> tuple[Incoming, ...] | None:
        def work(connection: Connection) -> bytes | None:
            must_be_open(connection, facility)
            that_upload = t.upload.c.facility == facility, t.upload.c.id == upload
            left = (t.upload.c.stage == Stage.TAKING.value) & ~t.upload.c.touched_at.between(now - STALE, now + STALE)
            free = update(t.upload).where(*that_upload, or_(t.upload.c.stage == Stage.WAITING.value, left))
            if connection.execute(free.values(stage=Stage.TAKING.value, touched_at=now)).rowcount != 1:
                return None
            return connection.execute(select(t.upload.c.sealed).where(*that_upload)).scalar()

        sealed = await self.database.durably(work)
        return None if sealed is None else tuple(await asyncio.to_thread(self._unsealed, sealed))

    def _unsealed(self, sealed: bytes) -> list[Incoming]:
        return unpacked(zlib.decompress(self._keys.unwrapped(sealed)))

    @override
    async def take(self, upload: Upload, people: Sequence[Incoming], done: int, now: int) -> tuple[Taken, ...]:
        key, made_at = await self._search_key(upload.facility), min(upload.preview.executed_at or now, now)
        batch = merge.Batch(
            facility=upload.facility, file=upload.id, made_at=made_at, now=now, keys=self._keys, search=key
        )

        ready = await asyncio.to_thread(batch.ready, people)

        def work(connection: Connection) -> tuple[Taken, ...]:
            that_upload = t.upload.c.id == upload.id, t.upload.c.stage == Stage.TAKING.value
            so_far = connection.execute(select(t.upload.c.done, t.upload.c.outcome).where(*that_upload)).first()
            if so_far is None:
                return ()
            taken = batch.write(connection, ready)
            values: dict[str, Any] = {"touched_at": now}
            if done > so_far.done:  # else they were counted before somebody died
                outcome = MergeOutcome(**json.loads(so_far.outcome)).with_people(taken)
                values |= {"done": done, "outcome": json.dumps(asdict(outcome))}
            connection.execute(update(t.upload).where(*that_upload).values(values))
            return taken

        return await self.database.durably(work)

    @override
    async def finish(self, upload: Upload, outcome: MergeOutcome, by: str, now: int) -> bool:
        counts = asdict(outcome)
        bare = replace(upload.preview, lines=tuple(replace(each, raw="") for each in upload.preview.lines))
        after = {
            "stage": Stage.TAKEN.value,
            "sealed": None,
            "preview": self._keys.wrapped(bare.as_json().encode()).decode(),
            "done": upload.total,
            "touched_at": now,
            "outcome": json.dumps(counts),
        }

        def work(connection: Connection) -> bool:
            that_upload = t.upload.c.id == upload.id, t.upload.c.stage == Stage.TAKING.value
            digest = connection.execute(select(t.upload.c.digest).where(*that_upload)).scalar()
            if digest is None:
                return False
            connection.execute(update(t.upload).where(*that_upload).values(after))
            body = {"by": by, "digest": digest, "people": upload.total, **counts}
            append(connection, upload.facility, f"file {upload.id}", Event(EventType.IMPORTED, now, body))
            return True

        return await self.database.durably(work)

    # --- the list -------------------------------------------------------------------------------------------

    @override
    async def search(
        self, facility: str, search: Search, after: tuple[int, str] | None, limit: int
    ) -> list[ListedPerson]:
        values = _asked(facility, search, after, limit)
        if search.by is By.NAME:
            beginning, key = sought(search.value), self._kept_key(facility)
            if not beginning or key is None:
                return []
            values["value"] = key.beginning(beginning)
        return [self._known(row) for row in self.database.rows(SEARCHES[search.by], **values)]

    @override
    async def person(self, facility: str, person: str) -> ListedPerson | None:
        row = self.database.first(select(_P).where(_P.c.facility == facility, _P.c.id == person))
        return self._known(row) if row else None

    @override
    async def near(self, facility: str, reference: str, begins: int, ends: int) -> tuple[ListedPerson, ...]:
        by_number = self.database.rows(BY_NUMBER, facility=facility, value=comparable(reference), limit=NEAR)
        between = self.database.rows(BY_TIME, facility=facility, begins=begins, ends=ends, limit=NEAR)
        found = {row.id: row for row in (*(by_number if reference else ()), *between)}
        return tuple(self._known(row) for row in found.values())

    def _known(self, row: Any) -> ListedPerson:
        results, references = body_from_json(row.body)
        names = self._keys.opened(row.id, row.key, row.names)
        return ListedPerson(
            id=row.id,
            facility=row.facility,
            references=references,
            validity=row.validity,
            results=results,
            seen_at=row.seen_at,
            names=names,
        )

    @override
    async def history(self, facility: str, person: str) -> tuple[Logged, ...]:
        rows = self.database.rows(sql.HISTORY, facility=facility, of=OF_A_PERSON + person)
        return tuple(map(logged_from, reversed(rows)))

    @override
    async def visits_of(self, facility: str, person: str) -> tuple[str, ...]:
        f = t.followup.c
        query = select(f.visit).where(f.facility == facility, f.person == person).order_by(f.at).limit(NEAR)
        return tuple(row.visit for row in self.database.rows(query))

    @override
    async def note(self, facility: str, subject: str, event: Event) -> None:
        await self.database.durably(lambda connection: append(connection, facility, subject, event))

    # --- forgetting -----------------------------------------------------------------------------------------

    @override
    async def forget_names(self, facility: str) -> int:
        def work(connection: Connection) -> int:
            # In the same transaction, so that the setting is never ahead of the deletion.
            connection.execute(update(t.station).where(t.station.c.facility == facility).values(keeps_names=0))
            named = update(_P).where(_P.c.facility == facility, _P.c.key.is_not(None))
            gone = connection.execute(named.values(key=None, names=None)).rowcount
            connection.execute(delete(t.person_name).where(t.person_name.c.facility == facility))
            # This also stops an import under way: `take` no longer finds the file.
            under_way = t.upload.c.facility == facility, t.upload.c.stage != Stage.TAKEN.value
            connection.execute(delete(t.upload).where(*under_way))
            return gone

        gone = await self.database.durably(work)
        await self.database.truncate_log()
        return gone

    @override
    async def tidy(self, now: int) -> None:
        waited = (t.upload.c.stage == Stage.WAITING.value) & ~t.upload.c.at.between(now - WAITS, now + WAITS)
        day = 24 * WAITS
        left = (t.upload.c.stage == Stage.TAKING.value) & ~t.upload.c.touched_at.between(now - day, now + day)
        await self._run(delete(t.upload).where(or_(waited, left)))

    async def _search_key(self, facility: str) -> SearchKey:
        """Return a station's search key; it is made when first needed, and never changes."""
        return self._kept_key(facility) or self._keys.search_key(
            await self.database.durably(partial(self._made, facility))
        )

    def _kept_key(self, facility: str) -> SearchKey | None:
        """Return a station's search key if it has one; unsealed once, then cached."""
        if facility not in self._search_keys:
            row = self.database.first(SEARCH_KEY, facility=facility)
            if not row:
                return None
            self._search_keys[facility] = self._keys.search_key(row.sealed)
        return self._search_keys[facility]

    def _made(self, facility: str, connection: Connection) -> str:
        found = connection.execute(SEARCH_KEY, {"facility": facility}).scalar()
        if found is None:
            found = self._keys.new_search_key()
            connection.execute(insert(t.search_key).values(facility=facility, sealed=found))
        return str(found)


def _make_room(connection: Connection, facility: str) -> None:
    """Delete a station's oldest waiting files beyond `WAITING`."""
    waits = t.upload.c.facility == facility, t.upload.c.stage == Stage.WAITING.value
    newest = select(t.upload.c.id).where(*waits).order_by(t.upload.c.at.desc(), t.upload.c.id.desc())
    for old in connection.execute(newest.offset(WAITING)).scalars().all():
        connection.execute(delete(t.upload).where(t.upload.c.id == old))


# --- every search, built once: an equality, then the sort, as its index has them --------------------------------

_limit: BindParameter[int] = bindparam("limit")


def _newest(facility: Any, day: Any, who: Any, *narrowed: ColumnElement[bool]) -> Select[Any]:
    """Select people by day, newest first, with keyset pagination: one index filters and sorts."""
    before = tuple_(day, who) < tuple_(bindparam("before"), bindparam("id"))
    conditions = facility == bindparam("facility"), *narrowed, before, day >= bindparam("first_day")
    return select(_P).where(*conditions).order_by(day.desc(), who.desc()).limit(_limit)


def _value(column: Any) -> ColumnElement[bool]:
    fits: ColumnElement[bool] = column == bindparam("value")
    return fits


_own = partial(_newest, _P.c.facility, _P.c.day, _P.c.id)
_C, _N, _R = t.person_consent, t.person_name, t.person_reference
SEARCHES: Final[dict[By, Select[Any]]] = {
    By.ALL: _own(),
    By.STATE: _own(_value(_P.c.state)),
    By.VALIDITY: _own(_value(_P.c.validity)),
    By.ITEM: _newest(
        _C.c.facility, _C.c.day, _C.c.person, _value(_C.c.flag), _C.c.meaning == bindparam("meaning")
    ).join_from(_C, _P, _P.c.id == _C.c.person),
    By.NAME: _newest(_N.c.facility, _N.c.day, _N.c.person, _value(_N.c.hash)).join_from(_N, _P, _P.c.id == _N.c.person),
    By.REFERENCE: select(_P)
    .join_from(_R, _P, _P.c.id == _R.c.person)
    .where(_R.c.facility == bindparam("facility"), _value(_R.c.number), _R.c.person < bindparam("id"))
    .order_by(_R.c.person.desc())
    .limit(_limit),
    By.ENDS: select(_P)
    .where(
        _P.c.facility == bindparam("facility"),
        tuple_(_P.c.ends_at, _P.c.id) > tuple_(bindparam("before"), bindparam("id")),
        _P.c.ends_at <= bindparam("until"),
    )
    .order_by(_P.c.ends_at, _P.c.id)
    .limit(_limit),
}

SEARCH_KEY: Final = select(t.search_key.c.sealed).where(t.search_key.c.facility == bindparam("facility"))
BY_NUMBER: Final = (
    select(_P)
    .join_from(_R, _P, _P.c.id == _R.c.person)
    .where(_R.c.facility == bindparam("facility"), _value(_R.c.number))
    .limit(_limit)
)
_theirs: Final = (
    select(_C.c.person)
    .where(_C.c.facility == bindparam("facility"), _C.c.consented_at.between(bindparam("begins"), bindparam("ends")))
    .distinct()
    .limit(_limit)
)
BY_TIME: Final = select(_P).where(_P.c.id.in_(_theirs))


def _asked(facility: str, search: Search, after: tuple[int, str] | None, limit: int) -> dict[str, Any]:
    """Return the parameters of a search; its statement may use only some."""
    if search.by is By.ENDS:
        before, who = after or (search.moments[0] - 1, _LAST_ID)
        return {"facility": facility, "before": before, "id": who, "until": search.moments[1], "limit": limit}
    if search.by is By.REFERENCE:
        who = after[1] if after else _LAST_ID
        return {"facility": facility, "id": who, "value": comparable(search.value), "limit": limit}
    before, who = min(after or (search.last_day, _LAST_ID), (search.last_day, _LAST_ID))
    days = {"before": before, "first_day": search.first_day}
    return {"facility": facility, "id": who, "value": search.value, "meaning": search.meaning, "limit": limit, **days}
