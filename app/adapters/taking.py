"""Taking people of a file into the list: who is known already, what changed, what ended at the source.

A person is known by a reference number, or by the keyed hash of who they are; a number alone is not enough where the
birth dates speak against it, since numbers are given by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

import app.adapters.schema as t
from app.adapters.chain import Chain, head_of
from app.adapters.erasing import OF_A_PERSON
from app.adapters.person_keys import PersonKeys, SearchKey
from app.evidence import Body, Event, EventType
from app.registry import Incoming, Known, Taken, Turn, as_json, first_end, from_json, marked, newest_day, state
from app.tokens import new_secret

_TURNS: Final = {Turn.WITHDRAWN: EventType.WITHDRAWN, Turn.LAPSED: EventType.LAPSED}
_OWN: Final = (t.person_consent, t.person_reference, t.person_name)
"""What is written anew with a person, so that one index narrows and sorts."""
_COLUMNS: Final = [column.name for column in t.person.c]
_CHANGE: Final = (
    update(t.person)
    .where(t.person.c.id == bindparam("which"))
    .values({name: bindparam(name) for name in _COLUMNS if name not in {"id", "facility"}})
)


@dataclass
class _Known:
    """Whom the list holds already of those in a batch."""

    by_number: dict[str, list[Any]] = field(default_factory=dict)
    by_mark: dict[str, Any] = field(default_factory=dict)

    def find(self, person: Incoming) -> Any | None:
        """Return the row of a person, or None for somebody new."""
        own = self.by_mark.get(person.mark) if person.mark else None
        if own is not None:
            return own
        rows = (row for number in person.references for row in self.by_number.get(number, ()))
        return next((row for row in rows if not (row["born"] and person.born and row["born"] != person.born)), None)

    def add(self, row: dict[str, Any], references: Iterable[str]) -> None:
        """Keep a row for those who follow in the same batch: the newest stands first."""
        if row["mark"]:
            self.by_mark[row["mark"]] = row
        for number in references:
            others = [each for each in self.by_number.get(number, ()) if each["id"] != row["id"]]
            self.by_number[number] = [row, *others]


@dataclass
class Batch:
    """Writes a batch of a file's people."""

    facility: str
    file: str
    made_at: int
    now: int
    keys: PersonKeys
    search: SearchKey

    def write(self, connection: Connection, people: Sequence[Incoming]) -> tuple[Taken, ...]:
        """Write people and what ended for them; return each as before and after."""
        known = self._known(connection, people)
        rows: dict[str, dict[str, Any]] = {}
        fresh: set[str] = set()
        taken, named = [], {}
        for each in people:
            old = known.find(each)
            before = self._before(old) if old else None
            if before and before.seen_at > self.made_at:
                taken.append(Taken(before, before))
                continue
            row = self._row(each, old)
            if before is None:
                fresh.add(row["id"])
            rows[row["id"]] = row
            named[row["id"]] = each
            known.add(row, each.references)
            after = Known(row["id"], self.facility, each.references, each.validity, each.results, self.made_at)
            taken.append(Taken(before, after))
        self._put(connection, rows, fresh, named)
        self._note(connection, taken)
        return tuple(taken)

    def _known(self, connection: Connection, people: Sequence[Incoming]) -> _Known:
        numbers = sorted({number for each in people for number in each.references})
        marks = sorted({each.mark for each in people if each.mark})
        found = _Known()
        of = t.person_reference.c
        by_number = (
            select(t.person, of.number)
            .join_from(t.person_reference, t.person)
            .where(of.facility == self.facility, of.number.in_(numbers))
        )
        for row in connection.execute(by_number.order_by(t.person.c.seen_at)).mappings():
            found.add({name: row[name] for name in _COLUMNS}, [row["number"]])
        by_mark = select(t.person).where(t.person.c.facility == self.facility, t.person.c.mark.in_(marks))
        for row in connection.execute(by_mark).mappings():
            found.add(dict(row), ())
        return found

    def _before(self, row: dict[str, Any]) -> Known:
        results, references = from_json(row["body"])
        return Known(row["id"], self.facility, references, row["validity"], results, row["seen_at"])

    def _row(self, person: Incoming, old: dict[str, Any] | None) -> dict[str, Any]:
        who = old["id"] if old else new_secret()
        key, names = (old["key"], old["names"]) if old else (None, None)
        is_other = not old or not key or (person.mark and old["mark"] != person.mark)
        if person.names and is_other:
            key, names = self.keys.sealed(who, person.names)
        return {
            "id": who,
            "facility": self.facility,
            "day": newest_day(person.results),
            "ends_at": first_end(person.results),
            "state": state(person.results).value,
            "validity": person.validity,
            "seen_at": self.made_at,
            "body": as_json(person.results, person.references),
            "mark": person.mark or (old["mark"] if old else None),
            "born": person.born or (old["born"] if old else None),
            "key": key,
            "names": names,
        }

    def _put(
        self, connection: Connection, rows: dict[str, dict[str, Any]], fresh: set[str], people: dict[str, Incoming]
    ) -> None:
        new = [row for who, row in rows.items() if who in fresh]
        changed = [{**row, "which": who} for who, row in rows.items() if who not in fresh]
        if new:
            connection.execute(insert(t.person), new)
        if changed:
            connection.execute(_CHANGE, changed)
            theirs = [each["which"] for each in changed]
            for table in _OWN:
                connection.execute(delete(table).where(table.c.person.in_(theirs)))
        for table, found in zip(_OWN, self._found_by(rows, people), strict=True):
            if found:
                connection.execute(insert(table), found)

    def _found_by(
        self, rows: dict[str, dict[str, Any]], people: dict[str, Incoming]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
        """Return what people are found by: their flags, their numbers, the beginnings of their names."""
        flags, numbers, names = [], [], []
        for who, person in people.items():
            mine = {"facility": self.facility, "person": who}
            day = rows[who]["day"]
            for flag, mark in marked(person.results).items():
                at = {"consented_at": mark.consented_at, "day": day}
                flags.append({**mine, "flag": flag, "meaning": mark.meaning.value, **at})
            numbers += [{**mine, "number": number} for number in person.references]
            known = self.keys.opened(who, rows[who]["key"], rows[who]["names"]) if not person.names else person.names
            names += [{**mine, "hash": each, "day": day} for each in (self.search.beginnings(known) if known else ())]
        return flags, numbers, names

    def _note(self, connection: Connection, taken: Iterable[Taken]) -> None:
        chain = Chain(self.facility, head_of(connection, self.facility))
        for each in taken:
            for turn, flags in each.turns.items():
                marks = each.after.marked
                body: Body = {
                    "from": "file",
                    "file": self.file,
                    "flags": list(flags),
                    "codes": {flag: "|".join(marks[flag].codes) for flag in flags},
                }
                chain.add(OF_A_PERSON + each.after.id, Event(_TURNS[turn], self.now, body))
        chain.write(connection)
