"""Parses queries of the consent list and renders its rows as text for screen, print and CSV. Pure.

Filters are a closed set; an unknown one means the unfiltered list. No value is guessed: not given, missing, unknown and
contradictory (two insurances differ) are rendered differently.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from app.rules.terminal.consent_list import (
    COLUMNS,
    LAST_DAY,
    NO_DAY,
    SEXES,
    VALIDITIES,
    By,
    ConsentState,
    ListedPerson,
    MergedFlag,
    PersonNames,
    Search,
)
from app.rules.terminal.values import Meaning
from app.rules.words.dates import JST, day_of, format_time, in_era
from app.rules.words.digits import has_my_number
from app.rules.words.names import sought

# --- what may be asked --------------------------------------------------------------------------------------------

SOON: Final = 14
"""Days before the end of a consent from which on a row shows the days left."""
LONGEST: Final = 60
STATES: Final = {
    ConsentState.GIVEN: "同意あり",
    ConsentState.EXPIRED: "期限切れ",
    ConsentState.NONE: "同意なし",
    ConsentState.UNKNOWN: "不明",
}
OVER: Final = "ends-over"
_MEANINGS: Final = {Meaning.GIVEN: "同意あり", Meaning.EXPIRED: "期限切れ", Meaning.NOT_GIVEN: "同意なし"}
_WITHIN: Final = (7, SOON, 30, 60)
_AFTER: Final = re.compile(r"([0-9]{1,12})-([A-Za-z0-9_-]{1,40})")
_TEXTS: Final = {By.NAME: "氏名", By.REFERENCE: "照会番号"}


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter with its label; `days` are those until the end of a consent, 0 for ends in the past."""

    words: str
    by: By
    value: str = ""
    meaning: str = ""
    days: int = 0


# Runs at import, before a mutant is chosen: its table is what tests see.
def _filters() -> dict[str, dict[str, Filter]]:  # pragma: no mutate block
    states = {f"state-{each}": Filter(f"状態：{words}", By.STATE, each.value) for each, words in STATES.items()}
    validities = {f"validity-{code}": Filter(f"資格：{words}", By.VALIDITY, code) for code, words in VALIDITIES.items()}
    items = {
        f"item-{flag.id.replace('_', '-')}-{meaning.value.replace('_', '-')}": Filter(
            f"{flag.column}：{words}", By.ITEM, flag.id, meaning.value
        )
        for flag in COLUMNS
        for meaning, words in _MEANINGS.items()
    }
    ends = {f"ends-{days}": Filter(f"{days}日以内に終わる", By.ENDS, days=days) for days in _WITHIN}
    ends[OVER] = Filter("同意ありのまま、期限を過ぎた", By.ENDS)
    return {"状態": states, "期限": ends, "項目": items, "資格": validities}


FILTERS: Final[Mapping[str, Mapping[str, Filter]]] = _filters()
"""All filters, by group and then by their word in the URL."""
_BY_WORD: Final = {word: each for group in FILTERS.values() for word, each in group.items()}


@dataclass(frozen=True, slots=True)
class ConsentQuery:
    """A parsed query. `text` is a name or a reference number: never put into a URL or an event."""

    only: str = ""
    first: date | None = None
    last: date | None = None
    text: str = field(default="", repr=False)
    by: By = By.ALL
    after: tuple[int, str] | None = None
    notices: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether it searches by name or reference number."""
        return self.by in _TEXTS

    @property
    def finds_nothing(self) -> bool:
        """Whether the name is too short to search (`app.rules.words.names.sought`)."""
        return self.by is By.NAME and not sought(self.text)

    def search(self, now: int) -> Search:
        """Return the registry search at `now` (seconds since 1970)."""
        first = int(f"{self.first:%Y%m%d}") if self.first else NO_DAY
        last = int(f"{self.last:%Y%m%d}") if self.last else LAST_DAY
        if self.is_text:
            return Search(self.by, self.text)
        narrowed = _BY_WORD.get(self.only)
        if narrowed is None:
            return Search(first_day=first, last_day=last)
        if narrowed.by is By.ENDS:
            return Search(By.ENDS, moments=within(narrowed.days, now))
        return Search(narrowed.by, narrowed.value, narrowed.meaning, first, last)

    @property
    def fields(self) -> dict[str, str]:
        """Return the form fields or URL parameters that repeat this query from its first page."""
        if self.is_text:
            return {"text": self.text, "by": self.by.value}
        days = {"first": self.first, "last": self.last}
        chosen = {"only": self.only} | {name: day.isoformat() for name, day in days.items() if day}
        return {name: value for name, value in chosen.items() if value}

    @property
    def words(self) -> str:
        """Return the query as text for people."""
        if self.is_text:
            return f"{_TEXTS[self.by]}：{self.text}"
        narrowed = _BY_WORD.get(self.only)
        words = [narrowed.words] if narrowed else []
        if self.first or self.last:
            words.append(f"同意年月日：{_western(self.first)}〜{_western(self.last)}")
        return "、".join(words) or "すべて"

    @property
    def kind(self) -> str:
        """Return the kind of query for the record, without the name or number."""
        narrowed = self.by.value if self.is_text else self.only or "all"
        return f"{narrowed}+days" if self.first or self.last else narrowed


def within(days: int, now: int) -> tuple[int, int]:
    """Return the first and last second: from now to the end of a day in Japan, or the whole past if `days` is 0."""
    if not days:
        return 0, now - 1
    end = datetime.combine(day_of(now) + timedelta(days=days + 1), time(), JST)
    return now, int(end.timestamp()) - 1


def asked(sent: Mapping[str, str], *, keeps_names: bool) -> ConsentQuery:
    """Parse a POSTed query, which may contain a name; a My Number or unusable text is dropped with a notice."""
    text = unicodedata.normalize("NFC", sent.get("text", "")).strip()
    if not text:
        return asked_openly(sent)
    if has_my_number(text):
        return ConsentQuery(notices=("マイナンバー（12けた）のように見えます。探すときにも入れないでください",))
    if len(text) > LONGEST or not text.isprintable():
        return ConsentQuery(notices=(f"{LONGEST}文字までで入れてください",))
    return ConsentQuery(text=text, by=_by(text, sent.get("by", ""), keeps_names=keeps_names), after=_after(sent))


def _by(text: str, chosen: str, *, keeps_names: bool) -> By:
    """Return the earlier page's choice, else REFERENCE for text with a digit; without names always REFERENCE."""
    if not keeps_names:
        return By.REFERENCE
    if chosen in _TEXTS:
        return By(chosen)
    has_digit = any(each.isascii() and each.isdigit() for each in unicodedata.normalize("NFKC", text))
    return By.REFERENCE if has_digit else By.NAME


def asked_openly(sent: Mapping[str, str]) -> ConsentQuery:
    """Parse URL parameters: one filter and a range of days."""
    notices = []
    only = sent.get("only", "")
    if only and only not in _BY_WORD:
        only, notices = "", ["この条件では探せません。条件なしの一覧を出しています"]
    first, last = _day(sent.get("first", "")), _day(sent.get("last", ""))
    if any(sent.get(name) and not day for name, day in (("first", first), ("last", last))):
        notices.append("日付を読めませんでした。その日では、しぼっていません")
    if only and _BY_WORD[only].by is By.ENDS and (first or last):
        first = last = None
        notices.append("期限で探すときは、同意年月日ではしぼれません")
    if first and last and last < first:
        first, last = last, first
    return ConsentQuery(only, first, last, after=_after(sent), notices=tuple(notices))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.isoformat() == text else None


def _after(sent: Mapping[str, str]) -> tuple[int, str] | None:
    given = _AFTER.fullmatch(sent.get("after", ""))
    return (int(given[1]), given[2]) if given else None


def place_of(search: Search, last: ListedPerson) -> tuple[int, str]:
    """Return the pagination cursor after a person: sort key and id."""
    return (last.ends_at or 0) if search.by is By.ENDS else last.day, last.id


# --- how a row reads ----------------------------------------------------------------------------------------------


class FlagLook(StrEnum):
    """How a flag looks, beside its words."""

    GIVEN = "given"
    BLANK = "blank"
    ENDED = "ended"
    ODD = "odd"


@dataclass(frozen=True, slots=True)
class Cell:
    """One flag of a row."""

    words: str
    look: FlagLook


NOTHING_CAME: Final = Cell("記載なし", FlagLook.ODD)
"""The file has no value for this flag."""
_CELLS: Final = {
    Meaning.GIVEN: Cell("○", FlagLook.GIVEN),
    Meaning.NOT_GIVEN: Cell("", FlagLook.BLANK),
    Meaning.EXPIRED: Cell("期限切れ", FlagLook.ENDED),
    Meaning.UNOBTAINABLE: Cell("取得できず", FlagLook.ODD),
}


def cell(merged: MergedFlag | None) -> Cell:
    """Render a flag; an unknown code is shown as it is."""
    if merged is None:
        return NOTHING_CAME
    if merged.is_mixed:
        return Cell("保険でちがう", FlagLook.ODD)
    return _CELLS.get(merged.meaning) or unknown(merged.codes[0])


def unknown(code: str) -> Cell:
    """Render a code without a known meaning."""
    return Cell(f"不明（{code or '空'}）", FlagLook.ODD)


_MORE_FLAGS: Final = {
    "diagnosis_name": "傷病名",
    "infectious": "感染症",
    "allergy": "アレルギー",
    "contraindication": "薬剤禁忌",
    "test": "検査",
    "prescription": "処方",
}
_FLAG_NAMES: Final = {flag.id: flag.column for flag in COLUMNS} | _MORE_FLAGS


def flag_name(flag: str) -> str:
    """Return a flag's label; an unknown flag keeps its name in the file."""
    return _FLAG_NAMES.get(flag, flag)


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """One person as the list shows them, in the order of the terminal's list."""

    id: str
    name: str
    kana: str
    born: str
    """In the Japanese era, as in the terminal's list; the raw value if it is no date."""
    born_western: str
    sex: str
    references: tuple[str, ...]
    flags: tuple[Cell, ...]
    day: str
    ends: str
    left: str
    """Time until the end if it is past or at most `SOON` days away, else empty."""
    validity: str
    insurances: int
    state: str

    def cells(self, *, names: bool) -> list[str]:
        """Return the row as CSV cells."""
        who = [self.name, self.kana, self.born, self.born_western, self.sex] if names else []
        flags = [each.words for each in self.flags]
        rest = [self.day, self.ends, self.state, self.validity, str(self.insurances)]
        return [*who, " ".join(self.references), *flags, *rest]


def headings(*, names: bool) -> list[str]:
    """Return the CSV header."""
    who = ["氏名", "カナ", "生年月日", "生年月日（西暦）", "性別"] if names else []
    flags = [f"{each.column}（{each.likely}とみられる）" if each.likely else each.column for each in COLUMNS]
    return [*who, "照会番号", *flags, "同意年月日", "同意有効期限", "状態", "資格", "保険の数"]


def rows(people: Sequence[ListedPerson], now: int, *, names: bool) -> Iterator[ConsentRow]:
    """Yield people as rows; without `names` the columns of identity are empty."""
    return (_row(each, now, names=names) for each in people)


def _row(known: ListedPerson, now: int, *, names: bool) -> ConsentRow:
    who = (known.names if names else None) or PersonNames()
    flags = known.merged
    ends = _last_end(known, flags)
    return ConsentRow(
        id=known.id,
        name=who.name,
        kana=who.kana,
        born=era(who),
        born_western=_western(who.born_on),
        sex=sex(who.sex),
        references=known.references,
        flags=tuple(cell(flags.get(flag.id)) for flag in COLUMNS),
        day=_western(known.consented_on),
        ends=format_time(ends),
        left=left(ends, now),
        validity=validity(known.validity),
        insurances=len(known.results),
        state=STATES[known.state],
    )


def last_end(known: ListedPerson) -> int | None:
    """Return the end shown in the list: the earliest of the given consents, else of all."""
    return _last_end(known, known.merged)


def _last_end(known: ListedPerson, flags: Mapping[str, MergedFlag]) -> int | None:
    came = (each.available_until for each in flags.values() if each.available_until is not None)
    return known.ends_at or min(came, default=None)


def left(ends: int | None, now: int) -> str:
    """Render the time left: past, today or at most `SOON` days; otherwise empty."""
    if ends is None:
        return ""
    if ends < now:
        return "過ぎています"
    days = (day_of(ends) - day_of(now)).days
    return "" if days > SOON else f"あと{days}日" if days else "今日まで"


def era(names: PersonNames) -> str:
    """Render a birth date in its era; the raw value if it is no date or before the first era."""
    born = names.born_on
    try:
        return in_era(born) if born else names.born
    except ValueError:
        return names.born


def sex(code: str) -> str:
    """Render a sex code; empty without one."""
    return SEXES.get(code) or (unknown(code).words if code else "")


def validity(code: str) -> str:
    """Render a validity code; missing and unknown codes have texts of their own."""
    return VALIDITIES.get(code) or (unknown(code).words if code else NOTHING_CAME.words)


def is_40(born: date, day: date) -> bool:
    """Whether somebody is 40 or over on `day`."""
    return (day.year - born.year, (day.month, day.day)) >= (40, (born.month, born.day))


def _western(day: date | None) -> str:
    return f"{day:%Y/%m/%d}" if day else ""
