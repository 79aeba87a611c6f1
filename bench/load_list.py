"""A station's list of any length, written straight into the tables with the rows that taking a file would write."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, insert

import app.adapters.sql.schema as t
from app.adapters.person_keys import PersonKeys
from app.adapters.sql.database import writing
from app.adapters.sql.merge import Batch
from app.main import PRACTICE_STATION
from app.rules.terminal.consent_list import By, ConsentState, Incoming, Insured, PersonNames, Search
from app.rules.terminal.values import Consent
from app.tokens import Sealer
from bench.load_office import DAY, FIRSTS, STEMS, digits

STATION: Final = PRACTICE_STATION.id
SHARED: Final = "SHARED-1"
"""A reference number that many have."""
RARE: Final = PersonNames("小鳥遊　珠緒", "ﾀｶﾅｼ ﾀﾏｵ", "19310407", "2")
LONG_AGO: Final = 400 * DAY
_FAMILIES: Final = ("髙﨑 ﾀｶｻｷ", "𠮷田 ﾖｼﾀﾞ", "渡邉 ﾜﾀﾅﾍﾞ", "林 ﾊﾔｼ", "見本 ﾐﾎﾝ", "練習 ﾚﾝｼﾕｳ", "架空 ｶｸｳ", "齋藤 ｻｲﾄｳ")
_SEEN: Final = 5
"""People among whom a rare one is: so many of a whole list."""
_BATCH: Final = 5_000
TABLES: Final[tuple[Table, ...]] = (t.person, t.person_consent, t.person_reference, t.person_name)

Rows = dict[Table, list[dict[str, Any]]]


def people(count: int, rand: int, now: int) -> Iterator[Incoming]:
    """Yield people of whom every kind is either common or rare."""
    dice = random.Random(rand)
    for number in range(count):
        is_rare = number % (count // _SEEN) == 1
        is_over = number % (count // _SEEN) == 2  # noqa: PLR2004 - beside the rare one
        at = now - LONG_AGO if is_rare else now - 181 * DAY if is_over else now - dice.randrange(180 * DAY)
        codes = "777772" if is_rare else "".join(dice.choice("1111111110") for _ in STEMS)
        consents = tuple(_consent(stem, code, at) for stem, code in zip(STEMS, codes, strict=True))
        numbers = (f"N-{number:07}", SHARED) if number % (count // 100) == 0 else (f"N-{number:07}",)
        yield Incoming(numbers, "6" if is_rare else "1", (Insured("01", consents),), RARE if is_rare else _named(dice))


def _named(dice: random.Random) -> PersonNames:
    family, first = dice.choice(_FAMILIES).split(), dice.choice(FIRSTS).split()
    born = f"{dice.randint(1926, 2000)}{dice.randint(1, 12):02}{dice.randint(1, 28):02}"
    return PersonNames(f"{family[0]}　{first[0]}", f"{family[1]} {first[1]}", born, dice.choice("12"))


def _consent(stem: str, code: str, at: int) -> Consent:
    return Consent(stem, code, "" if code == "0" else digits(at), digits(at + 180 * DAY) if code == "1" else "")


def fill(urls: Sequence[str], count: int, rand: int, sealer: Sealer, now: int) -> None:
    """Write a list of so many people into every database."""
    keys = PersonKeys(sealer)
    sealed = keys.new_search_key()
    batch = Batch(STATION, "", now, now, keys, keys.search_key(sealed))
    engines = [writing(url) for url in urls]
    for engine in engines:
        with engine.begin() as connection:
            connection.execute(insert(t.search_key).values(facility=STATION, sealed=sealed))
    for rows in _rows(batch, people(count, rand, now)):
        for engine in engines:
            with engine.begin() as connection:
                for table in TABLES:
                    _put(connection, table, rows[table])
    for engine in engines:
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
        engine.dispose()


def _rows(batch: Batch, listed: Iterator[Incoming]) -> Iterator[Rows]:
    """Yield the rows of a few thousand people at a time, as the product's own writer makes them."""
    rows: Rows = {table: [] for table in TABLES}
    for ready in map(batch.ready_one, map(batch.search.with_hashes, listed)):
        person = batch.row(ready, None)
        rows[t.person].append(person)
        for table, found in zip(TABLES[1:], batch.found_by({ready.id: person}, {ready.id: ready}), strict=True):
            rows[table] += found
        if len(rows[t.person]) == _BATCH:
            yield rows
            rows = {table: [] for table in TABLES}
    yield rows


def _put(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Write rows in the quickest way that the database has."""
    if not rows:
        return
    names = list(rows[0])
    values = ([row[name] for name in names] for row in rows)
    raw: Any = connection.connection.driver_connection
    columns = ", ".join(f'"{name}"' for name in names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        raw.executemany(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", values)  # noqa: S608 - our own names
        return
    with raw.cursor() as cursor, cursor.copy(f"COPY {table.name} ({columns}) FROM STDIN") as copy:
        for row in values:
            copy.write_row(row)


# --- what is asked of it -----------------------------------------------------------------------------------------


def asked(now: int) -> dict[str, tuple[Search, dict[str, str]]]:
    """Return everything that the list offers, at its densest and its rarest, and how its page is asked for it."""
    soon, over = (now, now + 60 * DAY), (0, now - 1)
    long_ago = int(digits(now - LONG_AGO)[:8])
    day = f"{str(long_ago)[:4]}-{str(long_ago)[4:6]}-{str(long_ago)[6:]}"
    return {
        "all densest": (Search(), {}),
        "all rarest": (Search(first_day=long_ago, last_day=long_ago), {"first": day, "last": day}),
        "state densest": (Search(By.STATE, ConsentState.GIVEN.value), {"only": "state-given"}),
        "state rarest": (Search(By.STATE, ConsentState.EXPIRED.value), {"only": "state-expired"}),
        "validity densest": (Search(By.VALIDITY, "1"), {"only": "validity-1"}),
        "validity rarest": (Search(By.VALIDITY, "6"), {"only": "validity-6"}),
        "item densest": (Search(By.ITEM, "drug", "given"), {"only": "item-drug-given"}),
        "item rarest": (Search(By.ITEM, "specific_disease", "expired"), {"only": "item-specific-disease-expired"}),
        "ends densest": (Search(By.ENDS, moments=soon), {"only": "ends-60"}),
        "ends rarest": (Search(By.ENDS, moments=over), {"only": "ends-over"}),
        "name densest": (Search(By.NAME, "わたなべ"), {"text": "わたなべ", "by": "name"}),
        "name rarest": (Search(By.NAME, "小鳥遊"), {"text": "小鳥遊", "by": "name"}),
        "reference densest": (Search(By.REFERENCE, SHARED), {"text": SHARED, "by": "reference"}),
        "reference rarest": (Search(By.REFERENCE, "N-0000007"), {"text": "N-0000007", "by": "reference"}),
    }
