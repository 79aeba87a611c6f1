"""Declares the visit: its steps, who holds the phone at each, what each asks and depends on.

Everything else about a visit is derived from `FLOW`: routes, order, back, "n / m", whether a step may be opened, error
texts, the check page, the band that says who holds the phone, `docs/flow.md` and most test parameters. A step's id is
its address, its template, its key in the answers and its name in the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

from app.rules.content import ITEMS
from app.rules.visit.answers import Intent, Report
from app.rules.visit.consent import Choice, Item, asked
from app.rules.words.furigana import N_, spoken
from app.rules.words.languages import OFFICIAL

Answer: TypeAlias = Mapping[str, str]

NOTHING: Final[Answer] = MappingProxyType({})


class Route(StrEnum):
    """How identity and registration happen: one setting of the server, kept with every visit."""

    PRACTICE = "practice"
    OFFICIAL = "official"
    IDENTITY = "identity"


class Holder(StrEnum):
    """Who holds the phone."""

    STAFF = "staff"
    PATIENT = "patient"


class Registration(StrEnum):
    """What the eligibility system has answered; never more than that (design: three claims)."""

    NONE = "none"
    PROVEN = "proven"
    """The identity is proven; this route registers nothing here, so the registration is unknown."""
    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Visit:
    """One occasion of care, as far as it is known. It holds no name, no birth date and no number of the card.

    Times are whole seconds since 1970 in UTC, by the server's clock.
    """

    id: str
    facility: str
    opened_at: int
    touched_at: int
    version: int = 1
    holder: Holder = Holder.STAFF
    answers: Mapping[str, Answer] = field(default_factory=dict)
    draft: Mapping[str, Answer] = field(default_factory=dict)
    departure: str = ""
    subject: str = ""
    registration: Registration = Registration.NONE
    reason: str = ""
    times: Mapping[str, int] = field(default_factory=dict)
    ended: bool = False
    route: Route = Route.PRACTICE
    language: str = OFFICIAL.code
    """The language in which the patient read and answered the consent items."""
    earlier: Mapping[str, str] = field(default_factory=dict)
    """Item to choice as the office last saw it: known only where the office itself gave the number."""
    transcribed_by: str = ""
    """Who of the office transcribed it from paper (`app.rules.visit.transcript`); empty for a visit made here."""

    def answer(self, step: str, name: str) -> str:
        """Return one given answer, or an empty string."""
        return self.answers.get(step, NOTHING).get(name, "")

    @property
    def code(self) -> str:
        """Six letters by which people call this visit on the telephone; no secret."""
        return spoken(int.from_bytes(hashlib.sha256(b"visit\0" + self.id.encode()).digest()))

    @property
    def over_40(self) -> bool:
        """Whether the nurse said that the patient is 40 or over; the official screen decides in the end."""
        return self.answer("need", "over_40") == "yes"

    @property
    def chooses_there(self) -> bool:
        """Whether the patient chooses on the official page only: nothing was chosen here."""
        return not self.withdraws and bool(self.answer("consent", "there"))

    @property
    def withdraws(self) -> bool:
        """Whether all consents are withdrawn here, with the card; without this, a withdrawal is left to the office."""
        return self.answer("need", "intent") == Intent.WITHDRAW and bool(self.answer("need", "go_on"))

    @property
    def _to_the_card(self) -> str:
        """The step that confirms what the card is to do in this visit."""
        return next((step.id for step in FLOW if step.to_the_card and step.applies(self)), "")

    @property
    def is_confirmed(self) -> bool:
        """Whether the patient confirmed what the card is to do."""
        return self._to_the_card in self.answers

    @property
    def confirmed_at(self) -> int:
        """The time of `is_confirmed`; 0 without."""
        return self.times.get(self._to_the_card, 0) if self.is_confirmed else 0

    @property
    def operator(self) -> str:
        """Who pressed the confirming button (a key of `OPERATORS`); empty before that."""
        return self.answer(self._to_the_card, "confirmed")

    @property
    def transcribed_at(self) -> int:
        """When the office transcribed it from paper; 0 when it did not."""
        return self.times.get("transcribed", 0)

    def choice(self, item: str) -> str:
        """Return the choice for an item; withdrawing everything declines each."""
        return Choice.DECLINE.value if self.withdraws else self.answer("consent", item)

    @property
    def choices(self) -> dict[str, str]:
        """What was chosen here of each item that this patient is asked."""
        return {item.id: self.choice(item.id) for item in self.items}

    @property
    def items(self) -> tuple[Item, ...]:
        """The consent items this patient is asked, in the official order."""
        return asked(ITEMS, at=self.opened_at, over_40=self.over_40 or self.withdraws)


@dataclass(frozen=True, slots=True)
class Question:
    """One thing a step asks: a closed choice, or a short free text when there are no options."""

    name: str
    options: tuple[str, ...] = ()
    missing: str = ""
    """The message when it is left out. An empty string makes the question optional."""
    label: str = ""
    staff_number: bool = False
    """The station's own number (照会番号): four digits are allowed, a My Number is not."""


Asks: TypeAlias = Callable[[Visit, Answer], tuple[Question, ...]]
"""What is asked, given the visit so far and what is being answered."""
Test: TypeAlias = Callable[[Visit], bool]


def _always(_: Visit) -> bool:
    return True


def _never(_: Visit) -> bool:
    return False


def _nothing(_: Visit, _given: Answer) -> tuple[Question, ...]:
    return ()


def _always_these(questions: tuple[Question, ...]) -> Asks:
    return lambda _, _given: questions


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One page of the visit. There is one of each: they are compared by identity."""

    id: str
    title: str
    holder: Holder
    guide: str
    """The part of the field's own procedure that this step carries out."""
    asks: Asks = _nothing
    confirms: tuple[str, ...] = ()
    """Steps that this one depends on: when an answer of theirs changes, the answers of this one are removed."""
    applies: Test = _always
    counted: bool = True
    """Whether it counts in "n / m". Ways out and the farewell do not."""
    open_from: str = ""
    """While that step is reachable, this page may be opened although it is not on the path."""
    to_the_card: bool = False
    """Whether confirming this page opens the way to the card."""
    leaves: bool = False
    """An exit: the path ends here unless the person goes on with the registration."""
    held_officially: Holder | None = None
    """Overrides `holder` on the official route."""
    only_in_hand: bool = False
    """Whether a submission is refused unless the phone is with this page's holder: no patient reports for staff."""
    by_hand: Test = _never
    """Whether people leave for another app here and return on their own: the next page is then always open."""
    withdrawing: str = ""
    """The title when everything is withdrawn, if different."""

    def called(self, visit: Visit) -> str:
        """Return the title of this page, with furigana notation."""
        return self.withdrawing if visit.withdraws and self.withdrawing else self.title

    def held_by(self, visit: Visit) -> Holder:
        """Return who holds the phone at this page."""
        return self.held_officially or self.holder if visit.route is Route.OFFICIAL else self.holder


REASONS: Final = (
    "no_card",
    "not_registered",
    "pin_unsure",
    "pin_forgotten",
    "pin_locked",
    "pinless_card",
    "card_expired",
    "card_unreadable",
    "unwilling",
)

_NEED: Final = (
    Question(
        "over_40",
        ("yes", "no"),
        N_("{患者|かんじゃ}さまが40{歳|さい}{以上|いじょう}か、えらんでください"),
    ),
    Question("reference", staff_number=True, label=N_("{照会|しょうかい}{番号|ばんごう}")),
    Question("intent", tuple(Intent), N_("あてはまるものを1つ{押|お}してください")),
    Question("go_on", ("yes",)),
)


_READY: Final = (
    Question(
        "ready",
        ("all", "missing"),
        N_("「そろっています」か「ない・わからないものがある」を{押|お}してください"),
    ),
)

_ANOTHER_WAY: Final = (Question("reason", REASONS, N_("あてはまるものを1つえらんでください")),)

OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "yes": N_("ご{本人|ほんにん}"),
        "spouse": N_("{夫|おっと}・{妻|つま}"),
        "child": N_("{子|こ}ども"),
        "relative": N_("ほかの{家族|かぞく}"),
        "staff": N_("{職員|しょくいん}（ご{本人|ほんにん}の{言葉|ことば}のとおりに）"),
    }
)
"""Who pressed: the patient, somebody of the family, or staff at the patient's word; with the label."""

_CHECK: Final = (
    Question("confirmed", tuple(OPERATORS), N_("{内容|ないよう}を{確認|かくにん}して、ボタンを{押|お}してください")),
)


_THERE: Final = (Question("there", ("yes",)),)

_CODE: Final = (Question("code", label=N_("エラーの{番号|ばんごう}")),)


def _consent(visit: Visit, given: Answer) -> tuple[Question, ...]:
    return _THERE if visit.route is Route.OFFICIAL and "there" in given else _choices(visit.items)


@lru_cache
def _choices(items: tuple[Item, ...]) -> tuple[Question, ...]:
    missing = N_("「{同意|どうい}する」か「{同意|どうい}しない」をえらんでください")
    choices = (Choice.AGREE.value, Choice.DECLINE.value)
    return tuple(Question(item.id, choices, missing, item.name) for item in items)


def _handoff(visit: Visit, _: Answer) -> tuple[Question, ...]:
    proven = visit.registration is not Registration.NONE
    return (
        Question("outcome", ("identified",) if proven else ("by_hand",), N_("もどってきてから{押|お}してください")),
    )


def _result(visit: Visit, _: Answer) -> tuple[Question, ...]:
    answered = visit.registration is Registration.ACCEPTED
    reports = tuple(report for report in Report if answered or report is not Report.ANSWERED)
    return (Question("report", reports, N_("{公式|こうしき}の{画面|がめん}に{出|で}たものを1つえらんでください")),)


def _continues(visit: Visit) -> bool:
    return visit.answer("need", "intent") == Intent.CONTINUES and not visit.answer("need", "go_on")


def _wants_to_withdraw(visit: Visit) -> bool:
    return visit.answer("need", "intent") == Intent.WITHDRAW and not visit.withdraws


def _withdraws(visit: Visit) -> bool:
    return visit.withdraws


def _chooses(visit: Visit) -> bool:
    return not visit.withdraws


def _returns_by_hand(visit: Visit) -> bool:
    return visit.route is Route.OFFICIAL


def _met_an_error(visit: Visit) -> bool:
    return visit.answer("result", "report") == Report.TROUBLE


def _lacks(visit: Visit) -> bool:
    return visit.answer("ready", "ready") == "missing" or "another-way" in visit.answers


FLOW: Final = (
    Step(
        "need",
        N_("{今日|きょう}、{登録|とうろく}は{必要|ひつよう}ですか"),
        Holder.STAFF,
        guide="再照会で済むかを先に確かめる",
        asks=_always_these(_NEED),
    ),
    Step(
        "reinquiry",
        N_("カードなしで{済|す}むかもしれません"),
        Holder.STAFF,
        guide="継続中の再照会（事業所の端末）",
        confirms=("need",),
        applies=_continues,
        counted=False,
        leaves=True,
    ),
    Step(
        "withdrawal",
        N_("{同意|どうい}の{取|と}り{消|け}し"),
        Holder.STAFF,
        guide="すべての同意を取消す（ふつうは事業所の端末）",
        confirms=("need",),
        applies=_wants_to_withdraw,
        counted=False,
        leaves=True,
    ),
    Step(
        "ready",
        N_("{同意|どうい}{登録|とうろく}の{準備|じゅんび}"),
        Holder.PATIENT,
        guide="同意登録準備",
        withdrawing=N_("{取|と}り{消|け}しの{準備|じゅんび}"),
        asks=_always_these(_READY),
    ),
    Step(
        "another-way",
        N_("ほかの{方法|ほうほう}があります"),
        Holder.STAFF,
        guide="暗証番号やカードがないときの別の方法",
        asks=_always_these(_ANOTHER_WAY),
        applies=_lacks,
        open_from="ready",
        counted=False,
        leaves=True,
    ),
    Step(
        "consent",
        N_("{同意|どうい}{内容|ないよう}の{選択|せんたく}"),
        Holder.PATIENT,
        guide="同意内容の選択",
        asks=_consent,
        applies=_chooses,
    ),
    Step(
        "check",
        N_("{同意|どうい}{内容|ないよう}の{確認|かくにん}"),
        Holder.PATIENT,
        guide="同意内容の確認",
        asks=_always_these(_CHECK),
        confirms=("consent",),
        applies=_chooses,
        to_the_card=True,
    ),
    Step(
        "revoke",
        N_("すべての{同意|どうい}を{取|と}り{消|け}す"),
        Holder.PATIENT,
        guide="すべての同意を取消す",
        asks=_always_these(_CHECK),
        confirms=("need",),
        applies=_withdraws,
        to_the_card=True,
    ),
    Step(
        "handoff",
        N_("{本人|ほんにん}{確認|かくにん}"),
        Holder.PATIENT,
        guide="本人確認（公式アプリで暗証番号とカード）",
        asks=_handoff,
        confirms=("consent", "check", "revoke"),
        held_officially=Holder.STAFF,  # the nurse opens the official page, and hands over there
        by_hand=_returns_by_hand,
    ),
    Step(
        "result",
        N_("{資格|しかく}{確認|かくにん}"),
        Holder.STAFF,
        guide="資格確認（患者宅）",
        asks=_result,
        confirms=("handoff", "check", "revoke"),
        only_in_hand=True,
    ),
    Step(
        "error-code",
        N_("{出|で}た{番号|ばんごう}を{書|か}きとめます"),
        Holder.STAFF,
        guide="エラーの番号と文を控え、コールセンターに伝える",
        asks=_always_these(_CODE),
        confirms=("result",),
        applies=_met_an_error,
        counted=False,
        only_in_hand=True,
    ),
    Step(
        "done",
        N_("おつかれさまでした"),
        Holder.STAFF,
        guide="資格確認等確認（事業所）へ",
        confirms=("result",),
        counted=False,
    ),
)

STEPS: Final[Mapping[str, Step]] = MappingProxyType({step.id: step for step in FLOW})
