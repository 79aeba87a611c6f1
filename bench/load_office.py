"""Somebody of the office as far as load needs one: signed in without a screen; and files such as a terminal makes."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from app.adapters.sql.database import Database
from app.adapters.sql.office import SqlOffice
from app.main import PRACTICE_STATION
from app.rules.record.evidence import hashed
from app.rules.station.account import SignIn
from app.rules.terminal.consent_list import COLUMNS
from app.rules.terminal.values import FLAGS, Answer02, Consent, Encoding, Header, Person, Result
from app.rules.terminal.write import write
from app.rules.words.dates import JST
from app.settings import Settings
from app.tokens import Signer, new_secret
from bench.canaries import Canary
from bench.load import Answer, get, post, post_file
from bench.load_server import Server
from bench.load_visit import Asked, Astray

_FAMILIES: Final = (
    "髙﨑 ﾀｶｻｷ",
    "𠮷田 ﾖｼﾀﾞ",
    "渡邉 ﾜﾀﾅﾍﾞ",
    "林 ﾊﾔｼ",
    "見本 ﾐﾎﾝ",
    "練習 ﾚﾝｼﾕｳ",
    "架空 ｶｸｳ",
    "齋藤 ｻｲﾄｳ",
    "小鳥遊 ﾀｶﾅｼ",
)
FIRSTS: Final = (
    "太郎 ﾀﾛｳ",
    "花子 ﾊﾅｺ",
    "一 ﾊｼﾞﾒ",
    "さくら ｻｸﾗ",
    "次郎 ｼﾞﾛｳ",
    "美津江 ﾐﾂｴ",
    "清 ｷﾖｼ",
    "マリー ﾏﾘｰ",
    "健一郎 ｹﾝｲﾁﾛｳ",
)
STEMS: Final = tuple(stem for stem, flag in FLAGS.items() if flag in COLUMNS)
_ENDLESS: Final = frozenset({"LimitApplicationCertificateRelated", "SpecificDiseasesCertificateRelated"})
DAY: Final = 86_400
_FILE: Final = "/office/files"
_DONE: Final = re.compile(r'<progress max="(\d+)" value="(\d+)"')
_THERE, _ELSEWHERE = 200, 303


class Clerk:
    """One browser of the office, on a kept line."""

    def __init__(self, server: Server, secret: str, keys: tuple[str, ...]) -> None:
        """Keep what `signed_in` made."""
        self._server, self._port, self._cookies = server, server.port, f"office={secret}"
        self._line: Asked | None = None
        self._token = Signer(keys).form(f"{secret}\0{PRACTICE_STATION.id}")

    async def get(self, address: str) -> Answer:
        """Open a page."""
        return await self._ask(get(self._port, address, cookies=self._cookies))

    async def post(self, address: str, **given: str) -> Answer:
        """Send a form."""
        return await self._ask(post(self._port, address, {"token": self._token, **given}, cookies=self._cookies))

    async def send(self, data: bytes) -> Answer:
        """Send a terminal's file."""
        return await self._ask(post_file(self._port, _FILE, {"token": self._token}, data, cookies=self._cookies))

    async def carry(self, data: bytes) -> str:
        """Send a terminal's file; return the address of its preview."""
        address = _sent_to(await self.send(data))
        if (await self.get(address)).status != _THERE:
            raise Astray("the preview does not show")
        return address

    async def take(self, address: str) -> None:
        """Press 「この内容で取り込む」."""
        _sent_to(await self.post(f"{address}/take"))

    async def progress(self, address: str) -> tuple[int, bool]:
        """Return how many people a file's page says are taken, and whether it is over."""
        answer = await self.get(address)
        found = _DONE.search(answer.body.decode())
        return (int(found[2]), False) if found else (0, "取り込みました" in answer.body.decode())

    async def _ask(self, request: bytes) -> Answer:
        if self._line is None or not self._line.is_open:
            self._line = await self._server.dial()
        return await self._line.ask(request)

    def close(self) -> None:
        """Hang up; whoever asks again dials again."""
        if self._line:
            self._line.close()
        self._line = None


async def signed_in(server: Server, database: str = "", secret_keys: str = "") -> Clerk:
    """Return somebody of the practice station in a browser of their own."""
    settings = Settings(data=server.folder, secret_keys=secret_keys)
    office, secret, now = SqlOffice(Database(database or settings.database)), new_secret(), int(time.time())
    account = await office.account("sakura")
    if account is None:
        raise Astray("nobody is there who could sign in")
    made = SignIn(new_secret(), hashed(secret), account.id, PRACTICE_STATION.id, True, now, now)  # noqa: FBT003
    await office.sign_in(made)
    await office.close()
    return Clerk(server, secret, settings.keys())


async def keep_names(database: str) -> None:
    """Let the practice station keep names from now on."""
    office = SqlOffice(Database(database))
    station = await office.station(PRACTICE_STATION.id)
    await office.save_station(PRACTICE_STATION, replace(station, keeps_names=True))
    await office.close()


def _sent_to(answer: Answer) -> str:
    if answer.status != _ELSEWHERE:
        raise Astray(f"{answer.status} for a form of the office")
    return urlsplit(answer.header("location")).path


# --- files -------------------------------------------------------------------------------------------------------


def people(count: int, rand: int, now: int) -> Iterator[Person]:
    """Yield people as a terminal lists them: one in twenty with two insurances, some with two numbers, some without."""
    dice = random.Random(rand)
    for number in range(count):
        family, first = dice.choice(_FAMILIES).split(), dice.choice(FIRSTS).split()
        at = now - dice.randrange(90 * DAY)
        who = Result(
            name=f"{family[0]}　{first[0]}",
            kana=f"{family[1]} {first[1]}",
            sex=dice.choice("12"),
            birthdate=f"{dice.randint(1926, 2000)}{dice.randint(1, 12):02}{dice.randint(1, 28):02}",
        )
        cards = ("01", "A1") if dice.random() < 0.05 else ("01",)  # noqa: PLR2004
        results = tuple(_insured(who, card, dice, at) for card in cards)
        numbers = dice.choice([1, 1, 1, 1, 1, 1, 2, 0])
        references = tuple(f"{'HK'[each]}-{number:06}" for each in range(numbers))
        yield Person(references, dice.choice("1111111123"), results=results)


def _insured(who: Result, card: str, dice: random.Random, at: int) -> Result:
    found = tuple(_consent(stem, dice.choice("1111111102"), at) for stem in STEMS)
    insurer = f"{dice.randrange(10**8):08}"
    return Result(card, insurer, "架空健康保険組合", who.name, who.kana, "", "", who.sex, "", who.birthdate, found)


def _consent(stem: str, code: str, at: int) -> Consent:
    ends = "" if code == "0" or stem in _ENDLESS else digits(at + 180 * DAY)
    return Consent(stem, code, "" if code == "0" else digits(at), ends)


def digits(at: int) -> str:
    """Return a moment as the terminal writes it."""
    return datetime.fromtimestamp(at, JST).strftime("%Y%m%d%H%M%S")


def a_file(listed: Iterable[Person], now: int, encoding: Encoding = Encoding.UTF_8) -> bytes:
    """Return a terminal's answer that lists them."""
    header = Header(digits(now), PRACTICE_STATION.code, segment="1", status="1")
    return write(Answer02(header, tuple(listed)), encoding)


def listed(canary: Canary, reference: str, at: int) -> Person:
    """Return a canary as a terminal lists somebody who agreed to everything."""
    found = tuple(_consent(stem, "1", at) for stem in STEMS)
    result = Result("01", name=canary.name, kana=canary.kana, sex="1", birthdate=canary.birthdate, consents=found)
    return Person((reference,), "1", results=(result,))
