"""A consent memo that was filled in on paper, as the office transcribes it (書き写し). Pure.

What is marked on the paper is all that is claimed of such a visit: nothing of a card, a screen or a registration.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from app.rules.content import ITEMS
from app.rules.record.event import Body, Event, EventType
from app.rules.record.evidence import hashed
from app.rules.visit.consent import Choice, Item, in_force, not_asked_reason
from app.rules.visit.flow import OPERATORS
from app.rules.visit.journey import MAX_TEXT, TEXT_PROBLEMS
from app.rules.visit.visit import Route, Visit
from app.rules.words.dates import JST
from app.rules.words.digits import Finding, find
from app.rules.words.furigana import letters, plain, spoken
from app.rules.words.languages import BY_CODE, Language, wording, wording_hash

OLDEST: Final = 90
"""How many days after a visit its paper may still be transcribed."""
_CHOICES: Final = {each.value: each for each in Choice}
_NOT_ON_PAPER: Final = "not asked on the paper"


@dataclass(frozen=True, slots=True)
class Transcript:
    """One paper as it was typed: the day of its visit and the marked choices, without a name."""

    day: date
    reference: str
    over_40: bool
    choices: Mapping[str, Choice]
    """What is marked of each item in force on that day."""
    operator: str
    """Who marked it (`app.rules.visit.flow.OPERATORS`)."""
    language: Language
    paper_code: str
    """The paper's letters (`paper_code`); empty when it has none, or older ones: its wording is then unknown."""

    @property
    def opened_at(self) -> int:
        """The first second of the visit's day in Japan: paper has no time of day."""
        return _begins(self.day)

    def fingerprint(self) -> str:
        """Return a hash of all fields: it tells a repeated submission from another one with the same key."""
        marked = [f"{item}={choice.value}" for item, choice in self.choices.items()]
        typed = (self.day, self.reference, self.over_40, self.operator, self.language.code, self.paper_code, *marked)
        return hashed("\0".join(map(str, typed)))

    def visit(self, id_: str, facility: str, route: Route, *, by: str, now: int) -> Visit:
        """Build the visit; `by` is the name of who transcribed it."""
        need = {"over_40": "yes" if self.over_40 else "no"}
        return Visit(
            id=id_,
            facility=facility,
            opened_at=self.opened_at,
            touched_at=now,
            answers={
                "need": {**need, "reference": self.reference} if self.reference else need,
                "consent": {item: choice.value for item, choice in self.choices.items()},
                "check": {"confirmed": self.operator},
            },
            times={"transcribed": now},
            ended=True,
            route=route,
            language=self.language.code,
            transcribed_by=by,
        )

    def event(self, *, by: str, now: int) -> Event:
        """Build the event for the record; `by` is the account that transcribed it."""
        items = in_force(ITEMS, self.opened_at)
        unasked = [item for item in items if self.choices[item.id] is Choice.NOT_ASKED]
        asked = [item for item in items if item not in unasked]
        body: Body = {
            "by": by,
            "day": self.day.isoformat(),
            "reference": self.reference,
            "choices": {item.id: self.choices[item.id].value for item in items},
            "not_asked": {item.id: self._why_not(item) for item in unasked},
            "wording": wording(self.language, asked) if self.paper_code else {},
            "mark": self.paper_code,
            "lang": self.language.code,
            "operator": self.operator,
        }
        return Event(EventType.TRANSCRIBED, now, body)

    def _why_not(self, item: Item) -> str:
        return not_asked_reason(item) if item.from_age and not self.over_40 else _NOT_ON_PAPER


def paper_code(language: Language, items: Iterable[Item]) -> str:
    """Derive a paper's six letters from language and wording: other words give other letters."""
    words = "\0".join((language.code, *(wording_hash(language, item) for item in items)))
    return spoken(int.from_bytes(hashlib.sha256(b"memo\0" + words.encode()).digest()))


def items_of(day: date) -> tuple[Item, ...]:
    """Return the items on the paper of a day."""
    return in_force(ITEMS, _begins(day))


def day_typed(text: str, today: date) -> date | None:
    """Parse the day of a visit; None unless its paper may be transcribed today."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if text == day.isoformat() and today - timedelta(days=OLDEST) <= day <= today else None


def typed(sent: Mapping[str, str], today: date) -> tuple[Transcript | None, dict[str, str]]:
    """Validate the form: return the transcript, or field to error message in the page's order."""
    day = day_typed(sent.get("day", ""), today)
    items = items_of(day or today)
    language = BY_CODE.get(sent.get("language", ""))
    found = {
        "day": "" if day else f"今日までの{OLDEST}日のうちの、訪問した日にしてください",
        "reference": _wrong_reference(reference(sent)),
        "over_40": "" if sent.get("over_40") in {"yes", "no"} else "「はい」か「いいえ」をえらんでください",
        **{item.id: _wrong_choice(item, sent) for item in items},
        "operator": "" if sent.get("operator") in OPERATORS else "印を付けた人をえらんでください",
        "language": "" if language else "紙のことばをえらんでください",
        "paper_code": _wrong_code(sent, language, items),
    }
    wrong = {name: words for name, words in found.items() if words}
    chosen = {item.id: _choice(item, sent) for item in items}
    if not wrong and set(chosen.values()) == {Choice.NOT_ASKED}:
        wrong[items[0].id] = "紙に、同意する・同意しないの印が1つもありません。書き写すものがありません"
    if wrong or day is None or language is None:
        return None, wrong
    letters_ = "" if sent.get("unmarked") else letters(sent.get("paper_code", ""))
    over_40 = sent["over_40"] == "yes"
    return Transcript(
        day=day,
        reference=reference(sent),
        over_40=over_40,
        choices=chosen,
        operator=sent["operator"],
        language=language,
        paper_code=letters_,
    ), {}


def reference(sent: Mapping[str, str]) -> str:
    """Return the typed reference number in NFKC."""
    return unicodedata.normalize("NFKC", sent.get("reference", "")).strip()


def shown_again(sent: Mapping[str, str]) -> dict[str, str]:
    """Return the form to show again, without a reference number that looks like a My Number."""
    hides = find(reference(sent), number_expected=True, limit=MAX_TEXT) is Finding.MY_NUMBER
    again = {"reference": "" if hides else sent.get("reference", ""), "paper_code": letters(sent.get("paper_code", ""))}
    return {**sent, **again}


def _begins(day: date) -> int:
    return int(datetime.combine(day, time(), JST).timestamp())


def _choice(item: Item, sent: Mapping[str, str]) -> Choice:
    return _CHOICES.get(sent.get(item.id, ""), Choice.NOT_ASKED)


def _wrong_choice(item: Item, sent: Mapping[str, str]) -> str:
    is_too_young = bool(item.from_age) and sent.get("over_40") == "no"
    if is_too_young:
        fits = _choice(item, sent) is Choice.NOT_ASKED
        return "" if fits else f"{item.from_age}歳未満の方には聞かない項目です。「聞いていない」をえらんでください"
    return "" if sent.get(item.id) in _CHOICES else "紙の印を見て、1つえらんでください"


def _wrong_reference(number: str) -> str:
    finding = find(number, number_expected=True, limit=MAX_TEXT) if number else None
    return plain(TEXT_PROBLEMS[finding]) if finding else ""


def _wrong_code(sent: Mapping[str, str], language: Language | None, items: tuple[Item, ...]) -> str:
    if language is None or sent.get("unmarked"):
        return ""
    given = letters(sent.get("paper_code", ""))
    if not given:
        return "紙の下にある6文字を入れてください。ない紙なら、下の印を付けます"
    if given == paper_code(language, items):
        return ""
    other = next((each.name for each in BY_CODE.values() if given == paper_code(each, items)), "")
    if other:
        return f"この文字は「{other}」の紙のものです。紙のことばを見てください"
    return "いまの紙の文字とちがいます。古い紙なら、下の印を付けます"
