"""What a step of the visit is: a page, who holds the phone there, what it asks, and the event that records it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from app.rules.record.event import Body, EventType
from app.rules.visit.consent import Item
from app.rules.visit.visit import NOTHING, Answer, Holder, Route, Visit


@dataclass(frozen=True, slots=True)
class Question:
    """One thing a step asks: a closed choice, or a short free text when there are no options."""

    name: str
    options: tuple[str, ...] | Mapping[str, str] = ()
    """What may be answered; as a mapping, with the name of each option on the check page."""
    missing: str = ""
    """The message when it is left out. An empty string makes the question optional."""
    label: str = ""
    item: Item | None = None
    """The consent item that is asked, whose own words stand for `label`."""
    staff_number: bool = False
    """The station's own number (照会番号): four digits are allowed, a My Number is not."""

    @property
    def names(self) -> Mapping[str, str]:
        """The names of the options on the check page; none where it lists no such answer."""
        return self.options if isinstance(self.options, Mapping) else NOTHING


Questions: TypeAlias = tuple[Question, ...] | Callable[[Visit, Answer], tuple[Question, ...]]
"""Questions, or what returns them, given the visit so far and what is being answered."""
Test: TypeAlias = Callable[[Visit], bool]


def always(_: Visit) -> bool:
    """Hold for every visit."""
    return True


def never(_: Visit) -> bool:
    """Hold for no visit."""
    return False


def _as_given(_: Visit, answer: Answer) -> Body:
    return {**answer}


@dataclass(frozen=True, slots=True)
class Asks:
    """What a step asks, and the event that records its answers."""

    questions: Questions
    event: EventType
    body: Callable[[Visit, Answer], Body] = _as_given
    """The event's body, given the visit after the step and the step's answer."""
    on_check: bool = False
    """Whether each answer is a row of the check page; a changed one must be confirmed anew."""
    drafts: bool = False
    """Whether what is chosen is kept as a draft at once, before the page is submitted."""
    can_fill: bool = False
    """Whether one press may answer all questions alike, as a draft."""
    in_language: Test = never
    """Whether the language in which the patient read is kept with the visit."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One page of the visit. There is one of each: they are compared by identity."""

    id: str
    title: str
    holder: Holder
    guide: str
    """The part of the field's own procedure that this step carries out."""
    asks: Asks | None = None
    confirms: tuple[str, ...] = ()
    """Steps that this one depends on: when an answer of theirs changes, the answers of this one are removed."""
    applies: Test = always
    counted: bool = True
    """Whether it counts in "n / m". Ways out and the farewell do not."""
    open_from: tuple[str, ...] = ()
    """While one of these steps is reachable, this page may be opened although it is not on the path."""
    to_the_card: bool = False
    """Whether confirming this page opens the way to the card."""
    taps_card: bool = False
    """Whether the card is tapped here: no later page leads back into what came before."""
    goes_on: Callable[[Visit], Visit] | None = None
    """What an exit changes when the person does not take it; without this, the step is none."""
    held_officially: Holder | None = None
    """Overrides `holder` on the official route."""
    taken_up: bool = False
    """Whether it is answered where the phone is handed over: one press says that it has arrived, and answers.

    Its part of that page is `templates/bedside/taken-up/<id>.html`. No way to the card opens there.
    """
    only_in_hand: bool = False
    """Whether a submission is refused unless the phone is with this page's holder: no patient reports for staff."""
    by_hand: Test = never
    """Whether people leave for another app here and return on their own: the next page is then always open."""
    withdrawing: str = ""
    """The title when everything is withdrawn, if different."""

    @property
    def leaves(self) -> bool:
        """Whether it is an exit: the path ends here unless the person goes on with the registration."""
        return self.goes_on is not None

    def called(self, visit: Visit) -> str:
        """Return the title of this page, with furigana notation."""
        return self.withdrawing if visit.withdraws and self.withdrawing else self.title

    def held_by(self, visit: Visit) -> Holder:
        """Return who holds the phone at this page."""
        return self.held_officially or self.holder if visit.route is Route.OFFICIAL else self.holder

    def questions(self, visit: Visit, given: Answer = NOTHING) -> tuple[Question, ...]:
        """Return what is asked, given the visit so far and what is being answered."""
        asked = self.asks.questions if self.asks else ()
        return asked(visit, given) if callable(asked) else asked

    def event(self, visit: Visit) -> tuple[EventType, Body]:
        """Return type and body of the event that records this step's answers. Raises `KeyError` if it has none."""
        if self.asks is None:
            raise KeyError(self.id)
        body = self.asks.body(visit, visit.answers[self.id])
        return self.asks.event, {"step": self.id, **body} if self.asks.event is EventType.ANSWERED else body
