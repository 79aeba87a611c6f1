"""The station's entry link, which nurses scan, and its official address, with their revisions."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Response
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from app.rules.station.station import Address, Link, Official, WrongUrl, is_token, new_token, official_address
from app.rules.words.dates import format_time
from app.tokens import BadToken, Sealed
from app.web.kit.forms import BadForm
from app.web.kit.guard import MAX_PICTURE
from app.web.kit.qr_codes import NoCode, NotAPicture, PictureTooLarge, SeveralCodes, read_picture
from app.web.office.desk import Admin, AdminWithFile, Caller, Staff

_OFFERED: Final = 15 * 60
_PAGE: Final = 20
_CAMERA: Final = "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"
_NEXT_STEP: Final = "端末の「医療機関別URL取得・変更」の画面に出る、訪問診療等の二次元コードを読み取ってください。"
_REPLACED_SINCE: Final = "このあいだに、ほかの人が新しくしました。いまの版を開いて、もう一度確かめてください。"

WRONG: Final = {
    WrongUrl.EMPTY: "URLが入っていません。" + _NEXT_STEP,
    WrongUrl.LONG: "長すぎて、公式のURLではないようです。" + _NEXT_STEP,
    WrongUrl.NO_ADDRESS: "URL（https:// で始まる住所）ではありません。" + _NEXT_STEP,
    WrongUrl.NOT_HTTPS: "https:// で始まっていません。途中で切れたか、別の住所です。" + _NEXT_STEP,
    WrongUrl.STORE: "アプリをダウンロードするための住所でした。" + _NEXT_STEP,
    WrongUrl.HOST: "ホスト（住所の中の、どこへ行くかを決める部分）が、そのままでは信用できない書き方です。"
    + _NEXT_STEP,
    WrongUrl.SPELLING: "URLに使えない文字があります。途中で切れたり、空白が入ったりしていないか、確かめてください。",
}
PICTURES: Final = {
    NotAPicture: "画像として読めませんでした。PNG か JPEG の画像を選んでください。",
    PictureTooLarge: "画像が大きすぎます。二次元コードのまわりだけを切り取った画像を選んでください。",
    NoCode: "画像の中に二次元コードが見つかりません。コード全体が、まわりの白い部分まで写った画像を選んでください。",
    SeveralCodes: "画像の中に二次元コードがいくつもあります。1つだけ写った画像を選んでください。",
}

router = APIRouter(prefix="/office/links")


@router.get("")
async def show_all(caller: Staff) -> Response:
    """Show both addresses with all their revisions."""
    return await _all(caller)


async def _all(caller: Caller, *, status: int = 200, wrong: str = "", where: str = "official") -> Response:
    office, facility, asked = caller.desk.office, caller.facility, caller.request.query_params
    before = {which: _number(asked.get(f"{which}-before", "")) for which in ("entry", "official")}
    entries = await office.links(facility, before["entry"], _PAGE + 1)
    officials = await office.officials(facility, before["official"], _PAGE + 1)
    entry, official = await office.links(facility, limit=1), await office.officials(facility, limit=1)
    answer = caller.page(
        "links.html",
        status=status,
        wrong=wrong,
        where=where,
        saved=asked.get("saved", ""),
        origin=caller.desk.origin,
        host=caller.desk.host,
        entry=entry[0] if entry else None,
        official=official[0] if official else None,
        histories=(
            ("entry", "かざすの入口", *_cut(entries), await office.copies(facility, "entry")),
            ("official", "公式のURL", *_cut(officials), await office.copies(facility, "official")),
        ),
        format_time=format_time,
    )
    answer.headers["Permissions-Policy"] = _CAMERA
    return answer


# --- the official address comes in ------------------------------------------------------------------------------------


@router.post("/official")
async def take_text(caller: Admin) -> Response:
    """Take what was pasted, typed or read by the camera."""
    return await _judged(caller, caller.sent.get("address", ""))


@router.post("/official/picture")
async def take_picture(caller: AdminWithFile) -> Response:
    """Take the address from an uploaded picture of the code."""
    try:
        async with caller.request.form(max_files=1, max_fields=3, max_part_size=MAX_PICTURE) as form:
            sent = {name: value for name, value in form.items() if isinstance(value, str)}
            caller.desk.check(caller.request, sent, caller.who)
            picture = form.get("picture")
            content = await picture.read() if isinstance(picture, UploadFile) else b""
    except (HTTPException, LookupError, UnicodeError) as error:  # what Starlette raises for a malformed body
        raise BadForm from error
    try:
        text = await asyncio.to_thread(read_picture, content)
    except tuple(PICTURES) as problem:
        return await _all(caller, status=422, wrong=PICTURES[type(problem)])
    return await _judged(caller, text)


async def _judged(caller: Caller, text: str) -> Response:
    address = official_address(text, our_host=caller.desk.host)
    if isinstance(address, WrongUrl):
        return await _all(caller, status=422, wrong=await _why(caller, address, text))
    offered = caller.desk.sealer.seal(Sealed.ADDRESS, f"{caller.facility}\0{address.text}")
    now = await _live(caller)
    return caller.page(
        "official.html",
        offered=offered,
        address=address,
        masked=masked(address),
        now=now,
        same_host=now is not None and now.host == address.host,
    )


async def _why(caller: Caller, wrong: WrongUrl, text: str) -> str:
    """Return the message for a refused text; an entry of this or another station is named as such."""
    if wrong is not WrongUrl.OURS:
        return WRONG[wrong]
    token = text.strip().rpartition("/f/")[2]
    link = await caller.desk.store.link(token) if is_token(token) else None
    if link is not None and link.facility != caller.facility:
        return "ほかの事業所の「かざすの入口」です。" + _NEXT_STEP
    return "これは「かざすの入口」で、公式のURLではありません。" + _NEXT_STEP


async def _live(caller: Caller) -> Official | None:
    newest = await caller.desk.office.officials(caller.facility, limit=1)
    return newest[0] if newest else None


@router.post("/official/confirm")
async def confirm(caller: Admin) -> Response:
    """Save the offered address after a person has confirmed its host."""
    try:
        opened = caller.desk.sealer.open(Sealed.ADDRESS, caller.sent.get("offered", ""), _OFFERED)
    except BadToken:
        return await _all(caller, status=422, wrong="時間がたったので、もう一度読み取ってください。")
    facility, _, text = opened.partition("\0")
    address = official_address(text, our_host=caller.desk.host)
    if facility != caller.facility or isinstance(address, WrongUrl) or caller.sent.get("host") != address.host:
        return await _all(caller, status=422, wrong="ホストが確かめられていません。もう一度読み取ってください。")
    if await _is_live(caller, address):
        return caller.go("/office/links?saved=official")  # unchanged: its prints stay valid
    sealed = caller.desk.sealer.seal(Sealed.ADDRESS, address.text)
    new = Official(
        facility=facility,
        revision=0,
        sealed=sealed,
        host=address.host,
        tail=address.text[-4:],
        issued_by=caller.officer.account.name,
        issued_at=caller.now,
    )
    await caller.desk.office.replace_official(new)
    return caller.go("/office/links?saved=official")


async def _is_live(caller: Caller, address: Address) -> bool:
    live = await _live(caller)
    try:
        return live is not None and caller.desk.sealer.open(Sealed.ADDRESS, live.sealed) == address.text
    except BadToken:  # its key was removed: it is saved anew
        return False


@router.post("/checked")
async def checked(caller: Staff) -> Response:
    """Record that somebody opened the address and saw that it leads where it should; 409 if it was replaced."""
    which = "official" if caller.sent.get("which") == "official" else "entry"
    revision = _number(caller.sent.get("revision", "")) or 0
    if not await caller.desk.office.checked(caller.facility, which, revision, caller.now):
        return await _all(caller, status=409, wrong=_REPLACED_SINCE, where=which)
    return caller.go("/office/links?saved=checked")


# --- our own link is replaced -----------------------------------------------------------------------------------------


@router.get("/replace")
async def ask_to_replace(caller: Admin) -> Response:
    """Show which prints a replacement of the entry makes invalid."""
    return await _ask(caller)


async def _ask(caller: Caller, *, status: int = 200, wrong: str = "") -> Response:
    entry = (await caller.desk.office.links(caller.facility, limit=1))[0]
    living = [each for each, _ in await caller.desk.office.prints(caller.facility, only="live", limit=200)]
    return caller.page(
        "replace.html",
        status=status,
        wrong=wrong,
        entry=entry,
        living=[(each, format_time(each.at)) for each in living if each.which == "entry"],
        issued=format_time(entry.issued_at),
    )


@router.post("/replace")
async def replace(caller: Admin) -> Response:
    """Replace the entry link; the old one then answers 410 with an explanation."""
    if caller.sent.get("understood") != "yes":
        return await _ask(caller, status=422, wrong="使えなくなるものを確かめて、印をつけてください")
    revision = _number(caller.sent.get("revision", "")) or 0
    new = Link(new_token(), caller.facility, revision, caller.now, issued_by=caller.officer.account.name)
    if await caller.desk.office.replace_entry(new) is None:
        return await _ask(caller, status=409, wrong="ほかの人が、先に新しくしました。いまの版を確かめてください")
    return caller.go("/office/prints?only=dead&replaced=1")


def masked(address: Address) -> str:
    """Return an address masked, with its host and its last four characters."""
    return f"https://{address.host}/…{address.text[-4:]}"


def _cut(found: tuple[Link, ...] | tuple[Official, ...]) -> tuple[tuple[Link | Official, ...], int | None]:
    """Return one page of revisions, and where the next one begins."""
    page = found[:_PAGE]
    return tuple(page), page[-1].revision if len(found) > _PAGE else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - no more
