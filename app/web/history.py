"""What happened to a visit, in the words that the patient's copy and the office's page share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.evidence import EventType
from app.ports import Logged, Registry, Worklist
from app.receipt import Wish
from app.words import N_
from app.worklist import Closing, Followed

WISHES: Final[Mapping[str, str]] = {
    Wish.CHANGE: N_("えらんだ{内容|ないよう}を{変|か}えたい"),
    Wish.WITHDRAW: N_("{同意|どうい}を{全部|ぜんぶ}{取|と}り{消|け}したい"),
    Wish.DISAGREE: N_("わたしは{同意|どうい}していません"),
}
_TOLD: Final[Mapping[str, str]] = {
    EventType.CONFIRMED: N_("{内容|ないよう}をえらんで、{確|たし}かめました"),
    EventType.REPORTED: N_("{登録|とうろく}の{画面|がめん}のことを、{申告|しんこく}しました"),
    EventType.TRANSCRIBED: N_("{事業所|じぎょうしょ}が、{紙|かみ}から{書|か}き{写|うつ}しました"),
    EventType.VERIFIED: N_("{事業所|じぎょうしょ}が、{端末|たんまつ}で{見|み}ました"),
    EventType.WITHDRAWN: N_("{端末|たんまつ}から、{同意|どうい}がなくなっていました"),
    EventType.LAPSED: N_("{端末|たんまつ}で、{有効|ゆうこう}{期限|きげん}が{切|き}れていました"),
    EventType.ASKED: N_("{控|ひか}えから、ステーションに{伝|つた}えました"),
    EventType.CLOSED: N_("ステーションが、この{訪問|ほうもん}の{確認|かくにん}を{閉|と}じました"),
    EventType.COPIED: N_("ステーションが、{控|ひか}えを{印刷|いんさつ}しました"),
    EventType.COPY_CALLED_BACK: N_("{控|ひか}えの1つを、{使|つか}えなくしました"),
}
"""What a history says: what people chose, said, saw and asked. The rest is how it came about."""
_ANSWERED: Final = N_("ステーションが、{対応|たいおう}を{終|お}えました")


@dataclass(frozen=True, slots=True)
class Told:
    """One line of a history: when (seconds since 1970, UTC), and what was asked, where something was."""

    words: str
    at: int
    asked: str = ""


async def happened(worklist: Worklist, registry: Registry, followed: Followed) -> list[Told]:
    """Return what happened, oldest first: to the visit, and since then to whom it was matched with."""
    facility = followed.visit.facility
    of_visit = await worklist.history(facility, followed.visit.id)
    of_person = await registry.history(facility, followed.person) if followed.person else ()
    later = [each for each in of_person if each.entry.at >= followed.handed_off_at]
    in_order = sorted((*of_visit, *later), key=lambda each: each.entry.seq)
    return [told for each in in_order if (told := _told(each))]


def _told(each: Logged) -> Told | None:
    """Return what a history says of an event; nothing where nobody said anything."""
    kind, body = each.entry.type, each.body or {}
    if kind not in _TOLD or (kind == EventType.REPORTED and body.get("report", "later") == "later"):
        return None
    is_answer = kind == EventType.CLOSED and body.get("why") == Closing.ANSWERED
    return Told(_ANSWERED if is_answer else _TOLD[kind], each.entry.at, WISHES.get(str(body.get("what")), ""))
