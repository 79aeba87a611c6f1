"""Merges people of a file into the list: matches known ones, writes changes, records what ended at the source.

A person matches by the keyed hash of their identity, or by a reference number unless the birth dates differ: numbers
are assigned by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

import app.adapters.sql.schema as t
from app.adapters.person_keys import PersonKeys, SearchKey
from app.adapters.sql.chain import Chain, head_of
from app.adapters.sql.erasure import OF_A_PERSON
from app.rules.record.event import Body, Event, EventType
from app.rules.terminal.consent_list import (
    Incoming,
    ListedPerson,
    Turn,
    as_json,
    first_end,
    from_json,
    merged_flags,
    newest_day,
    state,
)
from app.rules.terminal.exchange import Taken
from app.rules.terminal.merge import is_outdated, may_be_same
from app.tokens import new_secret

_TURNS: Final = {Turn.WITHDRAWN: EventType.WITHDRAWN, Turn.LAPSED: EventType.LAPSED}
_OWN: Final = (t.person_consent, t.person_reference, t.person_name)
"""Search tables, rewritten with each person."""
_COLUMNS: Final = [column.name for column in t.person.c]
_CHANGE: Final = (
    update(t.person)
    .where(t.person.c.id == bindparam("which"))
    .values({name: bindparam(name) for name in _COLUMNS if name not in {"id", "facility"}})
)


@dataclass
class _Known:
    """Rows of the list that may match people of a batch."""

    by_number: dict[str, list[Any]] = field(default_factory=dict)
    by_hash: dict[str, Any] = field(default_factory=dict)

    def find(self, person: Incoming) -> Any | None:
        """Return the row of a person, or None for somebody new."""
        own = self.by_hash.get(person.person_hash) if person.person_hash else None
        if own is not None:
            return own
        rows = (row for number in person.references for row in self.by_number.get(number, ()))
        return next((row for row in rows if may_be_same(row["born"], person.born)), None)

    def add(self, row: dict[str, Any], references: Iterable[str]) -> None:
        """Add a row, also for later people of the same batch; the newest comes first."""
        if row["mark"]:
            self.by_hash[row["mark"]] = row
        for number in references:
            others = [each for each in self.by_number.get(number, ()) if each["id"] != row["id"]]
            self.by_number[number] = [row, *others]


@dataclass(frozen=True, slots=True)
class ReadyToMerge:
    """One person of a file, prepared outside the transaction, so that no bedside submission waits for it."""

    person: Incoming
    id: str
    """Used if the person is new."""
    sealed: tuple[str, str] | tuple[None, None]
    """Their own key, sealed, and the names encrypted under it, for that id."""
    columns: dict[str, Any]
    """The columns of their row that depend on the file alone."""
    flags: tuple[dict[str, Any], ...]
    beginnings: frozenset[str]


@dataclass(frozen=True)
class Batch:
    """Writes a batch of a file's people."""

    facility: str
    file: str
    made_at: int
    now: int
    keys: PersonKeys
    search: SearchKey

    def ready(self, people: Iterable[Incoming]) -> list[ReadyToMerge]:
        """Return people ready to be written."""
        return [self.ready_one(each) for each in people]

    def ready_one(self, person: Incoming) -> ReadyToMerge:
        """Return one person ready to be written."""
        who, day = new_secret(), newest_day(person.results)
        columns = {
            "facility": self.facility,
            "day": day,
            "ends_at": first_end(person.results),
            "state": state(person.results).value,
            "validity": person.validity,
            "seen_at": self.made_at,
            "body": as_json(person.results, person.references),
        }
        flags = tuple(
            {"flag": flag, "meaning": merged.meaning.value, "consented_at": merged.consented_at, "day": day}
            for flag, merged in merged_flags(person.results).items()
        )
        sealed = self.keys.sealed(who, person.names) if person.names else (None, None)
        beginnings = self.search.beginnings(person.names) if person.names else ()
        return ReadyToMerge(
            person=person, id=who, sealed=sealed, columns=columns, flags=flags, beginnings=frozenset(beginnings)
        )

    def write(self, connection: Connection, people: Iterable[ReadyToMerge]) -> tuple[Taken, ...]:
        """Write people, and events for consents that ended; return each person before and after."""
        people = list(people)
        known = self._known(connection, [each.person for each in people])
        rows: dict[str, dict[str, Any]] = {}
        fresh: set[str] = set()
        taken, named = [], {}
        for ready in people:
            old, person = known.find(ready.person), ready.person
            before = self._before(old) if old else None
            if before and is_outdated(self.made_at, seen_at=before.seen_at, now=self.now):
                taken.append(Taken(before, before, is_older=True))
                continue
            row = self.row(ready, old)
            if before is None:
                fresh.add(row["id"])
            rows[row["id"]] = row
            named[row["id"]] = ready
            known.add(row, person.references)
            after = ListedPerson(
                id=row["id"],
                facility=self.facility,
                references=person.references,
                validity=person.validity,
                results=person.results,
                seen_at=self.made_at,
            )
            taken.append(Taken(before, after))
        self._put(connection, rows, fresh, named)
        self._note(connection, taken)
        return tuple(taken)

    def _known(self, connection: Connection, people: Sequence[Incoming]) -> _Known:
        numbers = sorted({number for each in people for number in each.references})
        hashes = sorted({each.person_hash for each in people if each.person_hash})
        found = _Known()
        of = t.person_reference.c
        by_number = (
            select(t.person, of.number)
            .join_from(t.person_reference, t.person)
            .where(of.facility == self.facility, of.number.in_(numbers))
        )
        for row in connection.execute(by_number.order_by(t.person.c.seen_at)).mappings():
            found.add({name: row[name] for name in _COLUMNS}, [row["number"]])
        by_hash = select(t.person).where(t.person.c.facility == self.facility, t.person.c.mark.in_(hashes))
        for row in connection.execute(by_hash).mappings():
            found.add(dict(row), ())
        return found

    def _before(self, row: dict[str, Any]) -> ListedPerson:
        results, references = from_json(row["body"])
        return ListedPerson(
            id=row["id"],
            facility=self.facility,
            references=references,
            validity=row["validity"],
            results=results,
            seen_at=row["seen_at"],
        )

    def row(self, ready: ReadyToMerge, old: dict[str, Any] | None) -> dict[str, Any]:
        """Return a person's row; `old` is the one that is there already."""
        person = ready.person
        if old is None:
            (key, names), person_hash, born = ready.sealed, person.person_hash or None, person.born or None
            return {"id": ready.id, **ready.columns, "mark": person_hash, "born": born, "key": key, "names": names}
        key, names = old["key"], old["names"]
        is_other = not key or (person.person_hash and old["mark"] != person.person_hash)
        if person.names and is_other:
            key, names = self.keys.sealed(old["id"], person.names)
        person_hash, born = person.person_hash or old["mark"], person.born or old["born"]
        return {"id": old["id"], **ready.columns, "mark": person_hash, "born": born, "key": key, "names": names}

    def _put(
        self, connection: Connection, rows: dict[str, dict[str, Any]], fresh: set[str], people: dict[str, ReadyToMerge]
    ) -> None:
        new = [row for who, row in rows.items() if who in fresh]
        changed = [{**row, "which": who} for who, row in rows.items() if who not in fresh]
        if new:
            connection.execute(insert(t.person), new)
        if changed:
            connection.execute(_CHANGE, changed)
            changed_ids = [each["which"] for each in changed]
            for table in _OWN:
                connection.execute(delete(table).where(table.c.person.in_(changed_ids)))
        for table, found in zip(_OWN, self.found_by(rows, people), strict=True):
            if found:
                connection.execute(insert(table), found)

    def found_by(
        self, rows: dict[str, dict[str, Any]], people: dict[str, ReadyToMerge]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the rows of `_OWN`: consent flags, reference numbers, hashes of name beginnings."""
        flags, numbers, names = [], [], []
        for who, ready in people.items():
            owner = {"facility": self.facility, "person": who}
            flags += [{**owner, **flag} for flag in ready.flags]
            numbers += [{**owner, "number": number} for number in ready.person.references]
            beginnings = ready.beginnings if ready.person.names else self._kept_beginnings(rows[who])
            names += [{**owner, "hash": each, "day": rows[who]["day"]} for each in beginnings]
        return flags, numbers, names

    def _kept_beginnings(self, row: dict[str, Any]) -> Iterable[str]:
        """Return the name hashes of a person whose names are stored but not in this file."""
        known = self.keys.opened(row["id"], row["key"], row["names"])
        return self.search.beginnings(known) if known else ()

    def _note(self, connection: Connection, taken: Iterable[Taken]) -> None:
        chain = Chain(self.facility, head_of(connection, self.facility))
        for merged in taken:
            for turn, flags in merged.turns.items():
                after = merged.after.merged
                body: Body = {
                    "from": "file",
                    "file": self.file,
                    "flags": list(flags),
                    "codes": {flag: "|".join(after[flag].codes) for flag in flags},
                }
                chain.add(OF_A_PERSON + merged.after.id, Event(_TURNS[turn], self.now, body))
        chain.write(connection)
