"""Declares the visit: its steps, who holds the phone at each, what each asks and depends on.

Everything else about a visit is derived from `FLOW`: routes, order, back, "n / m", whether a step may be opened, error
texts, the check page, events and their bodies, the band that says who holds the phone, `docs/flow.md`, and what tests
walk. A step's id is its address, its template, its key in the answers and its name in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, TypeAlias

from app.rules.content import EXITS, ITEMS
from app.rules.record.event import Body, EventType, Json
from app.rules.visit.consent import Choice, Item, complete, in_force, not_asked_reason
from app.rules.visit.visit import NOTHING, Answer, Holder, Intent, Registration, Report, Route, Visit
from app.rules.words.furigana import N_
from app.rules.words.languages import BY_CODE, wording


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
    can_fill: bool = False
    """Whether one press may answer all questions alike, as a draft."""
    in_language: bool = False
    """Whether the language in which the page was read is kept with the visit."""


def _always(_: Visit) -> bool:
    return True


def _never(_: Visit) -> bool:
    return False


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
    applies: Test = _always
    counted: bool = True
    """Whether it counts in "n / m". Ways out and the farewell do not."""
    open_from: str = ""
    """While that step is reachable, this page may be opened although it is not on the path."""
    to_the_card: bool = False
    """Whether confirming this page opens the way to the card."""
    taps_card: bool = False
    """Whether the card is tapped here: no later page leads back into what came before."""
    goes_on: Callable[[Visit], Visit] | None = None
    """What an exit changes when the person does not take it; without this, the step is none."""
    held_officially: Holder | None = None
    """Overrides `holder` on the official route."""
    only_in_hand: bool = False
    """Whether a submission is refused unless the phone is with this page's holder: no patient reports for staff."""
    by_hand: Test = _never
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


YES_OR_NO: Final[Mapping[str, str]] = MappingProxyType({"yes": N_("はい"), "no": N_("いいえ")})

_NEED: Final = (
    Question(
        "over_40",
        YES_OR_NO,
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

_ANOTHER_WAY: Final = (Question("reason", tuple(EXITS), N_("あてはまるものを1つえらんでください")),)

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
    Question("confirmed", OPERATORS, N_("{内容|ないよう}を{確認|かくにん}して、ボタンを{押|お}してください")),
)


_THERE: Final = (Question("there", ("yes",)),)

_CODE: Final = (Question("code", label=N_("エラーの{番号|ばんごう}")),)


CHOICES: Final[Mapping[str, str]] = MappingProxyType(
    {Choice.AGREE.value: N_("{同意|どうい}する"), Choice.DECLINE.value: N_("{同意|どうい}しない")}
)


def _consent(visit: Visit, given: Answer) -> tuple[Question, ...]:
    return _THERE if visit.route is Route.OFFICIAL and "there" in given else _choices(visit.items)


@lru_cache
def _choices(items: tuple[Item, ...]) -> tuple[Question, ...]:
    missing = N_("「{同意|どうい}する」か「{同意|どうい}しない」をえらんでください")
    return tuple(Question(item.id, CHOICES, missing, item.name, item) for item in items)


def _handoff(visit: Visit, _: Answer) -> tuple[Question, ...]:
    proven = visit.registration is not Registration.NONE
    return (
        Question("outcome", ("identified",) if proven else ("by_hand",), N_("もどってきてから{押|お}してください")),
    )


def _result(visit: Visit, _: Answer) -> tuple[Question, ...]:
    answered = visit.registration is Registration.ACCEPTED
    reports = tuple(report for report in Report if answered or report is not Report.ANSWERED)
    return (Question("report", reports, N_("{公式|こうしき}の{画面|がめん}に{出|で}たものを1つえらんでください")),)


def _with_number(_: Visit, answer: Answer) -> Body:
    return {"reference": "", **answer}  # recorded also when there was none


def recorded_choices(visit: Visit) -> dict[str, Json]:
    """Return a value for every item in force, as events record it."""
    chosen = {item: choice for item, choice in visit.choices.items() if choice}
    return {**complete(ITEMS, chosen, at=visit.opened_at)}


def _chosen(visit: Visit, _: Answer) -> Body:
    language = BY_CODE[visit.language]
    return {
        "choices": recorded_choices(visit),
        "not_asked": _not_asked(visit),
        "wording": wording(language, visit.items),
        "lang": language.code,
    }


def _not_asked(visit: Visit) -> dict[str, Json]:
    if visit.chooses_there:
        return {item.id: "chosen on the official page" for item in in_force(ITEMS, visit.opened_at)}
    asked = set(visit.items)
    return {item.id: not_asked_reason(item) for item in in_force(ITEMS, visit.opened_at) if item not in asked}


def _confirmed(visit: Visit, _: Answer) -> Body:
    withdraws: Body = {"withdraws": True, "lang": visit.language} if visit.withdraws else {}
    return {"choices": recorded_choices(visit), "operator": visit.operator, **withdraws}


def _continues(visit: Visit) -> bool:
    return visit.intent == Intent.CONTINUES and not visit.answer("need", "go_on")


def _wants_to_withdraw(visit: Visit) -> bool:
    return visit.intent == Intent.WITHDRAW and not visit.withdraws


def _withdraws(visit: Visit) -> bool:
    return visit.withdraws


def _chooses(visit: Visit) -> bool:
    return not visit.withdraws


def _returns_by_hand(visit: Visit) -> bool:
    return visit.route is Route.OFFICIAL


def _met_an_error(visit: Visit) -> bool:
    return visit.report == Report.TROUBLE


def _lacks(visit: Visit) -> bool:
    return visit.answer("ready", "ready") == "missing" or "another-way" in visit.answers


def _all_the_same(visit: Visit) -> Visit:
    return replace(visit, answers={**visit.answers, "need": {**visit.answers["need"], "go_on": "yes"}})


def _prepared_anew(visit: Visit) -> Visit:
    rest = {step: answer for step, answer in visit.answers.items() if step != "another-way"}
    if visit.answer("ready", "ready") == "missing":
        del rest["ready"]
    return replace(visit, answers=rest)


FLOW: Final = (
    Step(
        "need",
        N_("{今日|きょう}、{登録|とうろく}は{必要|ひつよう}ですか"),
        Holder.STAFF,
        guide="再照会で済むかを先に確かめる",
        asks=Asks(_NEED, EventType.NEED_ANSWERED, _with_number),
    ),
    Step(
        "reinquiry",
        N_("カードなしで{済|す}むかもしれません"),
        Holder.STAFF,
        guide="継続中の再照会（事業所の端末）",
        confirms=("need",),
        applies=_continues,
        counted=False,
        goes_on=_all_the_same,
    ),
    Step(
        "withdrawal",
        N_("{同意|どうい}の{取|と}り{消|け}し"),
        Holder.STAFF,
        guide="すべての同意を取消す（ふつうは事業所の端末）",
        confirms=("need",),
        applies=_wants_to_withdraw,
        counted=False,
        goes_on=_all_the_same,
    ),
    Step(
        "ready",
        N_("{同意|どうい}{登録|とうろく}の{準備|じゅんび}"),
        Holder.PATIENT,
        guide="同意登録準備",
        withdrawing=N_("{取|と}り{消|け}しの{準備|じゅんび}"),
        asks=Asks(_READY, EventType.READY_ANSWERED),
    ),
    Step(
        "another-way",
        N_("ほかの{方法|ほうほう}があります"),
        Holder.STAFF,
        guide="暗証番号やカードがないときの別の方法",
        asks=Asks(_ANOTHER_WAY, EventType.ANOTHER_WAY),
        applies=_lacks,
        open_from="ready",
        counted=False,
        goes_on=_prepared_anew,
    ),
    Step(
        "consent",
        N_("{同意|どうい}{内容|ないよう}の{選択|せんたく}"),
        Holder.PATIENT,
        guide="同意内容の選択",
        asks=Asks(_consent, EventType.ITEMS_ANSWERED, _chosen, on_check=True, can_fill=True, in_language=True),
        applies=_chooses,
    ),
    Step(
        "check",
        N_("{同意|どうい}{内容|ないよう}の{確認|かくにん}"),
        Holder.PATIENT,
        guide="同意内容の確認",
        asks=Asks(_CHECK, EventType.CONFIRMED, _confirmed),
        applies=_chooses,
        to_the_card=True,
    ),
    Step(
        "revoke",
        N_("すべての{同意|どうい}を{取|と}り{消|け}す"),
        Holder.PATIENT,
        guide="すべての同意を取消す",
        asks=Asks(_CHECK, EventType.CONFIRMED, _confirmed, in_language=True),
        confirms=("need",),
        applies=_withdraws,
        to_the_card=True,
    ),
    Step(
        "handoff",
        N_("{本人|ほんにん}{確認|かくにん}"),
        Holder.PATIENT,
        guide="本人確認（公式アプリで暗証番号とカード）",
        asks=Asks(_handoff, EventType.RETURNED),
        confirms=("check", "revoke"),
        taps_card=True,
        held_officially=Holder.STAFF,  # the nurse opens the official page, and hands over there
        by_hand=_returns_by_hand,
    ),
    Step(
        "result",
        N_("{資格|しかく}{確認|かくにん}"),
        Holder.STAFF,
        guide="資格確認（患者宅）",
        asks=Asks(_result, EventType.REPORTED),
        confirms=("handoff", "check", "revoke"),
        only_in_hand=True,
    ),
    Step(
        "error-code",
        N_("{出|で}た{番号|ばんごう}を{書|か}きとめます"),
        Holder.STAFF,
        guide="エラーの番号と文を控え、コールセンターに伝える",
        asks=Asks(_CODE, EventType.REPORTED),
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


def _rests_on(step: Step, other: Step) -> bool:
    is_shown = step.to_the_card and other.asks is not None and other.asks.on_check
    return is_shown or other.id in step.confirms


RESTING: Final = {other.id: tuple(step for step in FLOW if _rests_on(step, other)) for other in FLOW}
"""For each step the steps whose answers a changed one of its own removes."""


def path(visit: Visit) -> tuple[Step, ...]:
    """Return the steps that apply to this visit so far; an exit ends the path."""
    steps: list[Step] = []
    for step in FLOW:
        if step.applies(visit):
            steps.append(step)
            if step.leaves:
                break
    return tuple(steps)
