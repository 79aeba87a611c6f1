"""Declares the visit: its steps, who holds the phone at each, what each asks and depends on.

Everything else about a visit is derived from `FLOW`: routes, order, back, "n / m", whether a step may be opened, error
texts, the check page, events and their bodies, the band that says who holds the phone, `docs/flow.md`, and what tests
walk. A step's id is its address, its template, its key in the answers and its name in the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from app.rules.content import EXITS, ITEMS
from app.rules.record.event import Body, EventType, Json
from app.rules.visit.consent import Choice, Item, complete, in_force, not_asked_reason
from app.rules.visit.step import Asks, Question, Step, always
from app.rules.visit.visit import Answer, Holder, Intent, Registration, Report, Route, Visit
from app.rules.words.furigana import N_
from app.rules.words.languages import BY_CODE, wording

YES_OR_NO: Final[Mapping[str, str]] = MappingProxyType({"yes": N_("はい"), "no": N_("いいえ")})

_AGE: Final = Question("over_40", YES_OR_NO, N_("{患者|かんじゃ}さまが40{歳|さい}{以上|いじょう}か、えらんでください"))
_NUMBER: Final = Question("reference", staff_number=True, label=N_("{照会|しょうかい}{番号|ばんごう}"))
_GO_ON: Final = Question("go_on", ("yes",))


def _intent(*intents: Intent) -> Question:
    return Question("intent", tuple(intents), N_("あてはまるものを1つ{押|お}してください"))


_INTENT: Final = _intent(*Intent)
_NO_AGE: Final = replace(_AGE, missing="")
"""On the official route it is asked later, of whoever reads and chooses here; a visit of the day's list knows it before."""
_NEED: Final[Mapping[Route, tuple[Question, ...]]] = {
    Route.PRACTICE: (_AGE, _NUMBER, _INTENT, _GO_ON),
    Route.OFFICIAL: (_NO_AGE, _NUMBER, _INTENT, _GO_ON),
    Route.IDENTITY: (_AGE, _NUMBER, _intent(*(each for each in Intent if each is not Intent.SHORT)), _GO_ON),
}


def _need(visit: Visit, given: Answer) -> tuple[Question, ...]:
    is_short = visit.route is Route.PRACTICE and given.get("intent") == Intent.SHORT
    return _NEED[Route.OFFICIAL if is_short else visit.route]


_OPENED: Final = (Question("opened", ("yes",), N_("{公式|こうしき}の{画面|がめん}を{見|み}てから{押|お}してください")),)


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
    unknown = set() if answered else {Report.ANSWERED}
    if not visit.registers_there:
        unknown |= {Report.OTHER_NAME, Report.ALREADY}
    reports = tuple(report for report in Report if report not in unknown)
    report = Question("report", reports, N_("{公式|こうしき}の{画面|がめん}に{出|で}たものを1つえらんでください"))
    return (report, *_HOW) if visit.is_short else (report,)


EXPLAINED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "screen": N_("{画面|がめん}を{見|み}せて"),
        "aloud": N_("{声|こえ}に{出|だ}して"),
        "paper": N_("{紙|かみ}で"),
        "unwanted": N_("{説明|せつめい}は{要|い}らないと{言|い}われた"),
    }
)
"""How the items were explained on the short way; with the label."""
_HOW: Final = (Question("operator", tuple(OPERATORS)), Question("explained", tuple(EXPLAINED)))
"""What may be told beside the report, of a choice that was made on the official page."""


def _told(visit: Visit, answer: Answer) -> Body:
    return {**answer, "lang": visit.language} if visit.is_short else {**answer}


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


def _sent_out(visit: Visit, _: Answer) -> Body:
    return {"choices": recorded_choices(visit)}


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


def _reads_here(visit: Visit) -> bool:
    return not visit.is_short


def _does_not_stop_before(visit: Visit) -> bool:
    return "another-way" not in visit.answers or "ready" in visit.answers


def _chooses(visit: Visit) -> bool:
    return not visit.withdraws


def _is_asked_the_age(visit: Visit) -> bool:
    is_open = visit.route is Route.OFFICIAL and not visit.answer("need", "over_40")
    return is_open and visit.intent in {Intent.FIRST, Intent.CONTINUES, Intent.CHANGE}


def _goes_the_short_way(visit: Visit) -> bool:
    return visit.is_short


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
        asks=Asks(_need, EventType.NEED_ANSWERED, _with_number, drafts=True),
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
        "age",
        N_("{患者|かんじゃ}さまの{年齢|ねんれい}"),
        Holder.STAFF,
        guide="40歳以上かを確かめる",
        asks=Asks((_AGE,), EventType.ANSWERED),
        applies=_is_asked_the_age,
    ),
    Step(
        "ready",
        N_("{同意|どうい}{登録|とうろく}の{準備|じゅんび}"),
        Holder.PATIENT,
        guide="同意登録準備",
        applies=_does_not_stop_before,
        withdrawing=N_("{取|と}り{消|け}しの{準備|じゅんび}"),
        asks=Asks(_READY, EventType.READY_ANSWERED),
        taken_up=True,
    ),
    Step(
        "another-way",
        N_("ほかの{方法|ほうほう}があります"),
        Holder.STAFF,
        guide="暗証番号やカードがないときの別の方法",
        asks=Asks(_ANOTHER_WAY, EventType.ANOTHER_WAY),
        applies=_lacks,
        open_from=("ready", "official"),
        counted=False,
        goes_on=_prepared_anew,
    ),
    Step(
        "consent",
        N_("{同意|どうい}{内容|ないよう}の{選択|せんたく}"),
        Holder.PATIENT,
        guide="同意内容の選択",
        asks=Asks(
            _consent, EventType.ITEMS_ANSWERED, _chosen, on_check=True, drafts=True, can_fill=True, in_language=always
        ),
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
        asks=Asks(_CHECK, EventType.CONFIRMED, _confirmed, in_language=always),
        confirms=("need",),
        applies=_withdraws,
        to_the_card=True,
    ),
    Step(
        "official",
        N_("{公式|こうしき}のページで{登録|とうろく}します"),
        Holder.STAFF,
        guide="公式の画面（マイナ在宅受付Web）で選び、登録する",
        asks=Asks(_OPENED, EventType.HANDED_OFF, _sent_out),
        confirms=("need",),
        applies=_goes_the_short_way,
        by_hand=_goes_the_short_way,
    ),
    Step(
        "handoff",
        N_("{本人|ほんにん}{確認|かくにん}"),
        Holder.PATIENT,
        guide="本人確認（公式アプリで暗証番号とカード）",
        asks=Asks(_handoff, EventType.RETURNED),
        applies=_reads_here,
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
        asks=Asks(_result, EventType.REPORTED, _told, in_language=_goes_the_short_way),
        confirms=("handoff", "check", "revoke", "official"),
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


def applying(visit: Visit) -> tuple[Step, ...]:
    """Return the steps of this visit, also behind an exit; on the short way the patient presses on the official page only."""
    if "applying" not in visit.memo:
        steps, is_short = (step for step in FLOW if step.applies(visit)), visit.is_short
        visit.memo["applying"] = tuple(
            step for step in steps if not (is_short and step.held_by(visit) is Holder.PATIENT)
        )
    found: tuple[Step, ...] = visit.memo["applying"]
    return found


def path(visit: Visit) -> tuple[Step, ...]:
    """Return the steps that apply to this visit so far; an exit ends the path."""
    steps = applying(visit)
    last = next((place for place, step in enumerate(steps) if step.goes_on), len(steps))
    return steps[: last + 1]
