"""What happened to a visit, in the words that the patient's copy and the office's page share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app.ports.consent_list import ConsentList
from app.ports.office import Worklist
from app.ports.store import Logged
from app.rules.record.event import Body, EventType
from app.rules.visit.consent import Choice
from app.rules.visit.copy import Wish
from app.rules.visit.standing import Closing, Followed
from app.rules.visit.visit import Report
from app.rules.words.furigana import N_

WISHES: Final[Mapping[str, str]] = {
    Wish.CHANGE: N_("えらんだ{内容|ないよう}を{変|か}えたい"),
    Wish.WITHDRAW: N_("{同意|どうい}を{全部|ぜんぶ}{取|と}り{消|け}したい"),
    Wish.DISAGREE: N_("わたしは{同意|どうい}していません"),
}
_TOLD: Final[Mapping[str, str]] = {
    EventType.CONFIRMED: N_("{内容|ないよう}をえらんで、{確|たし}かめました"),
    EventType.TRANSCRIBED: N_("ステーションが、{紙|かみ}から{書|か}き{写|うつ}しました"),
    EventType.VERIFIED: N_("ステーションが、{端末|たんまつ}で{見|み}ました"),
    EventType.WITHDRAWN: N_("{端末|たんまつ}から、{同意|どうい}がなくなっていました"),
    EventType.LAPSED: N_("{端末|たんまつ}で、{有効|ゆうこう}{期限|きげん}が{切|き}れていました"),
    EventType.ASKED: N_("{控|ひか}えから、ステーションに{伝|つた}えました"),
    EventType.CLOSED: N_("ステーションが、この{訪問|ほうもん}の{確認|かくにん}を{閉|と}じました"),
    EventType.COPIED: N_("ステーションが、{控|ひか}えを{印刷|いんさつ}しました"),
    EventType.COPY_CALLED_BACK: N_("{控|ひか}えの1つを、{使|つか}えなくしました"),
}
"""Event type to wording: what people chose, reported, saw and asked. Other events are left out."""
_DONE: Final = {Report.DONE, Report.ANSWERED}
_REPORTED: Final[Mapping[str, str]] = {
    **dict.fromkeys(_DONE, N_("{登録|とうろく}したと、{申告|しんこく}しました")),
    Report.ALREADY: N_("もう{登録|とうろく}されている、と{出|で}たと{申告|しんこく}しました"),
    Report.OTHER_NAME: N_(
        "ほかの{事業所|じぎょうしょ}の{名前|なまえ}が{出|で}たので{止|と}めたと、{申告|しんこく}しました"
    ),
    Report.TROUBLE: N_("エラーが{出|で}たと、{申告|しんこく}しました"),
    Report.STOPPED: N_("{途中|とちゅう}でやめたと、{申告|しんこく}しました"),
}
_CHOOSES_THERE: Final = N_("{公式|こうしき}の{画面|がめん}で{選|えら}ぶことにしました")
_WITHDRAWS: Final = N_("すべての{同意|どうい}の{取|と}り{消|け}しを{選|えら}びました")
_REPORTED_WITHDRAWN: Final = N_("{取|と}り{消|け}したと、{申告|しんこく}しました")
_ANSWERED: Final = N_("ステーションが、{対応|たいおう}を{終|お}えました")


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a history: when (seconds since 1970, UTC), and what was asked from which copy, if any was."""

    words: str
    at: int
    wish: str = ""
    copy: str = ""


async def happened(worklist: Worklist, registry: ConsentList, followed: Followed) -> list[Told]:
    """Return the history, oldest first: of the visit, and since its handoff of the matched person."""
    facility = followed.visit.facility
    of_visit = await worklist.history(facility, followed.visit.id)
    of_person = await registry.history(facility, followed.person) if followed.person else ()
    later = [each for each in of_person if each.entry.at >= followed.handed_off_at]
    return list(_told(sorted((*of_visit, *later), key=lambda each: each.entry.seq)))


def _told(history: Iterable[Logged]) -> Iterator[Told]:
    withdraws = False  # whether what was confirmed last is a withdrawal: a report is about that
    for each in history:
        kind, body = each.entry.type, each.body or {}
        if kind == EventType.CONFIRMED:
            withdraws = body.get("withdraws") is True
        words = _words(kind, body, withdraws=withdraws)
        if words:
            wish, copy = (str(body.get(name, "")) for name in ("what", "receipt"))
            yield Told(words, each.entry.at, wish if wish in WISHES else "", copy)


def _words(kind: str, body: Body, *, withdraws: bool) -> str:
    if kind == EventType.REPORTED:
        report = str(body.get("report"))
        return _REPORTED_WITHDRAWN if withdraws and report in _DONE else _REPORTED.get(report, "")
    if kind == EventType.CONFIRMED and withdraws:
        return _WITHDRAWS
    if kind == EventType.CONFIRMED and _chose_nothing(body):
        return _CHOOSES_THERE
    is_answer = kind == EventType.CLOSED and body.get("why") == Closing.ANSWERED
    return _ANSWERED if is_answer else _TOLD.get(kind, "")


def _chose_nothing(body: Body) -> bool:
    choices = body.get("choices")
    return isinstance(choices, Mapping) and set(choices.values()) == {Choice.NOT_ASKED.value}
