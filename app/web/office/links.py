"""The station's entry link, which nurses scan, and its official address, with their revisions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.rules.station.account import Access
from app.rules.station.station import Address, Link, Official, WrongUrl, is_token, new_token, official_address
from app.rules.words.dates import format_time
from app.tokens import BadToken, Sealed
from app.web.kit.forms import BadForm
from app.web.kit.guard import MAX_PICTURE
from app.web.kit.qr_codes import NoCode, NotAPicture, PictureTooLarge, SeveralCodes, read_picture
from app.web.office.desk import Caller, Desk, OfficeRoute

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


@dataclass(frozen=True)
class Links:
    """The pages of both addresses."""

    desk: Desk

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/links", Access.STAFF, self.all),
            OfficeRoute("POST", "/office/links/official", Access.ADMIN, self.take_text),
            OfficeRoute("POST", "/office/links/official/picture", Access.ADMIN, self.take_picture, takes_file=True),
            OfficeRoute("POST", "/office/links/official/confirm", Access.ADMIN, self.confirm),
            OfficeRoute("POST", "/office/links/checked", Access.STAFF, self.checked),
            OfficeRoute("GET", "/office/links/replace", Access.ADMIN, self.ask_to_replace),
            OfficeRoute("POST", "/office/links/replace", Access.ADMIN, self.replace),
        ]

    async def all(self, caller: Caller) -> Response:
        """Show both addresses with all their revisions."""
        return await self._all(caller)

    async def _all(self, caller: Caller, *, status: int = 200, wrong: str = "", where: str = "official") -> Response:
        office, facility, asked = self.desk.office, caller.facility, caller.request.query_params
        before = {which: _number(asked.get(f"{which}-before", "")) for which in ("entry", "official")}
        entries = await office.links(facility, before["entry"], _PAGE + 1)
        officials = await office.officials(facility, before["official"], _PAGE + 1)
        entry, official = await office.links(facility, limit=1), await office.officials(facility, limit=1)
        answer = self.desk.page(
            caller,
            "links.html",
            status=status,
            wrong=wrong,
            where=where,
            saved=asked.get("saved", ""),
            origin=self.desk.origin,
            host=self.desk.host,
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

    # --- the official address comes in ----------------------------------------------------------------------

    async def take_text(self, caller: Caller) -> Response:
        """Take what was pasted, typed or read by the camera."""
        return await self._judged(caller, caller.sent.get("address", ""))

    async def take_picture(self, caller: Caller) -> Response:
        """Take the address from an uploaded picture of the code."""
        try:
            async with caller.request.form(max_files=1, max_fields=3, max_part_size=MAX_PICTURE) as form:
                sent = {name: value for name, value in form.items() if isinstance(value, str)}
                self.desk.check(caller.request, sent, caller.who)
                picture = form.get("picture")
                content = await picture.read() if isinstance(picture, UploadFile) else b""
        except (HTTPException, LookupError, UnicodeError) as error:  # what Starlette raises for a malformed body
            raise BadForm from error
        try:
            text = await asyncio.to_thread(read_picture, content)
        except tuple(PICTURES) as problem:
            return await self._all(caller, status=422, wrong=PICTURES[type(problem)])
        return await self._judged(caller, text)

    async def _judged(self, caller: Caller, text: str) -> Response:
        address = official_address(text, our_host=self.desk.host)
        if isinstance(address, WrongUrl):
            return await self._all(caller, status=422, wrong=await self._why(caller, address, text))
        offered = self.desk.sealer.seal(Sealed.ADDRESS, f"{caller.facility}\0{address.text}")
        now = await self._live(caller.facility)
        return self.desk.page(
            caller,
            "official.html",
            offered=offered,
            address=address,
            masked=masked(address),
            now=now,
            same_host=now is not None and now.host == address.host,
        )

    async def _why(self, caller: Caller, wrong: WrongUrl, text: str) -> str:
        """Return the message for a refused text; an entry of this or another station is named as such."""
        if wrong is not WrongUrl.OURS:
            return WRONG[wrong]
        token = text.strip().rpartition("/f/")[2]
        link = await self.desk.store.link(token) if is_token(token) else None
        if link is not None and link.facility != caller.facility:
            return "ほかの事業所の「かざすの入口」です。" + _NEXT_STEP
        return "これは「かざすの入口」で、公式のURLではありません。" + _NEXT_STEP

    async def _live(self, facility: str) -> Official | None:
        newest = await self.desk.office.officials(facility, limit=1)
        return newest[0] if newest else None

    async def confirm(self, caller: Caller) -> Response:
        """Save the offered address after a person has confirmed its host."""
        try:
            opened = self.desk.sealer.open(Sealed.ADDRESS, caller.sent.get("offered", ""), _OFFERED)
        except BadToken:
            return await self._all(caller, status=422, wrong="時間がたったので、もう一度読み取ってください。")
        facility, _, text = opened.partition("\0")
        address = official_address(text, our_host=self.desk.host)
        if facility != caller.facility or isinstance(address, WrongUrl) or caller.sent.get("host") != address.host:
            return await self._all(
                caller, status=422, wrong="ホストが確かめられていません。もう一度読み取ってください。"
            )
        now, by = self.desk.clock.now(), caller.officer.account.name
        if await self._is_live(facility, address):
            return self.desk.go("/office/links?saved=official")  # unchanged: its prints stay valid
        sealed = self.desk.sealer.seal(Sealed.ADDRESS, address.text)
        await self.desk.office.replace_official(
            Official(facility, 0, sealed, address.host, address.text[-4:], issued_by=by, issued_at=now)
        )
        return self.desk.go("/office/links?saved=official")

    async def _is_live(self, facility: str, address: Address) -> bool:
        live = await self._live(facility)
        try:
            return live is not None and self.desk.sealer.open(Sealed.ADDRESS, live.sealed) == address.text
        except BadToken:  # its key was removed: it is saved anew
            return False

    async def checked(self, caller: Caller) -> Response:
        """Record that somebody opened the address and saw that it leads where it should; 409 if it was replaced."""
        which = "official" if caller.sent.get("which") == "official" else "entry"
        revision, now = _number(caller.sent.get("revision", "")) or 0, self.desk.clock.now()
        if not await self.desk.office.checked(caller.facility, which, revision, now):
            return await self._all(caller, status=409, wrong=_REPLACED_SINCE, where=which)
        return self.desk.go("/office/links?saved=checked")

    # --- our own link is replaced ---------------------------------------------------------------------------

    async def ask_to_replace(self, caller: Caller) -> Response:
        """Show which prints a replacement of the entry makes invalid."""
        return await self._ask(caller)

    async def _ask(self, caller: Caller, *, status: int = 200, wrong: str = "") -> Response:
        entry = (await self.desk.office.links(caller.facility, limit=1))[0]
        living = [each for each, _ in await self.desk.office.prints(caller.facility, only="live", limit=200)]
        return self.desk.page(
            caller,
            "replace.html",
            status=status,
            wrong=wrong,
            entry=entry,
            living=[(each, format_time(each.at)) for each in living if each.which == "entry"],
            issued=format_time(entry.issued_at),
        )

    async def replace(self, caller: Caller) -> Response:
        """Replace the entry link; the old one then answers 410 with an explanation."""
        if caller.sent.get("understood") != "yes":
            return await self._ask(caller, status=422, wrong="使えなくなるものを確かめて、印をつけてください")
        revision, now = _number(caller.sent.get("revision", "")), self.desk.clock.now()
        new = Link(new_token(), caller.facility, revision or 0, now, issued_by=caller.officer.account.name)
        if await self.desk.office.replace_entry(new) is None:
            return await self._ask(
                caller, status=409, wrong="ほかの人が、先に新しくしました。いまの版を確かめてください"
            )
        return self.desk.go("/office/prints?only=dead&replaced=1")


def masked(address: Address) -> str:
    """Return an address masked, with its host and its last four characters."""
    return f"https://{address.host}/…{address.text[-4:]}"


def _cut(found: tuple[Link, ...] | tuple[Official, ...]) -> tuple[tuple[Link | Official, ...], int | None]:
    """Return one page of revisions, and where the next one begins."""
    page = found[:_PAGE]
    return tuple(page), page[-1].revision if len(found) > _PAGE else None


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - no more
