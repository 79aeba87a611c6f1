"""The practice terminal in the browser's terms: what was registered is listed, numbers are kept, files are handed out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import date
from html.parser import HTMLParser

import httpx
import pytest

from app.practice.app import PracticeWorld
from app.practice.people import PracticePerson
from app.practice.screen import MAX_UPLOAD
from app.practice.system import Order
from app.practice.terminal import COLUMNS, Fault, Twist
from app.rules.terminal.read import read
from app.rules.terminal.values import Answer01, Answer02, Encoding, FileKind, Reading, Request01, Request02, file_name
from app.rules.terminal.write import write
from tests.practice.test_pages import Made
from tests.practice.test_people import PEOPLE
from tests.practice.test_terminal_file import EXPECTED
from tests.practice.world import CLIENT, ORIGIN, STATION, Clock, a_world, client

PAGE = f"{ORIGIN}/practice/terminal"
ITEMS = ("surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease")
TODAY = date(2026, 11, 18)
"""The day on which the clock of these tests stands."""
BY_ID = {person.id: person for person in PEOPLE}


def registers(
    world: PracticeWorld, who: str = "neri", *, declined: tuple[str, ...] = (), facility: str = STATION
) -> PracticePerson:
    """Register somebody, as the gateway does after a visit."""
    person = BY_ID[who]
    choices = {item: item not in declined for item in ITEMS}
    key = f"{who} {facility} {declined}"
    world.system.register(key, key, Order(person.subject(CLIENT), facility, choices))
    return person


class Cells(HTMLParser):
    """Reads the list as a person does: row by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in {"td", "th"}:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock: Clock) -> PracticeWorld:
    return a_world(clock)


@pytest.fixture
async def http(world: PracticeWorld) -> AsyncIterator[httpx.AsyncClient]:
    async with client(world.app)() as opened:
        yield opened


async def makes(
    http: httpx.AsyncClient, request: tuple[str, bytes] | None = None, /, **choices: object
) -> httpx.Response:
    """Fill in the form for a file and send it, as a browser does: always with the file's field, empty or not."""
    fields: dict[str, object] = {"do": "make" if request is None else "answer", **choices}
    return await http.post(f"{PAGE}/file", data=fields, files={"request": request or ("", b"")})


def in_file(answer: httpx.Response) -> Reading:
    assert answer.status_code == 200, answer.text
    named = re.fullmatch(r'attachment; filename="([A-Za-z0-9_.]+)"', answer.headers["content-disposition"])
    assert named
    return read(answer.content, facility_code=STATION, filename=named[1])


def names(answer: httpx.Response) -> list[str]:
    found = in_file(answer).answer
    assert isinstance(found, Answer02)
    return [person.results[0].name for person in found.persons]


def a_request(kind: FileKind = FileKind.REQUEST_01, reception: str = "", station: str = STATION) -> tuple[str, bytes]:
    asks = Request02(station, reception) if reception else Request01(station, "KEY-9", TODAY, TODAY)
    return file_name(kind, TODAY, 12), write(asks)


# --- the list ---


async def test_what_was_registered_is_listed_in_the_columns_of_the_guide(
    world: PracticeWorld, http: httpx.AsyncClient
) -> None:
    assert "この期間に登録された人はいません" in (await http.get(PAGE)).text
    registers(world, "hanako", declined=("health_checkup",))
    page = await http.get(PAGE)
    head, row = Cells(page.text).rows
    assert head == [
        *("氏名", "氏名(カナ)", "生年月日", "性別", "照会番号"),
        *("手術", "診療", "薬剤", "特健", "特適", "特疾", "同意年月日", "同意有効期限"),
    ]
    assert row == [
        *("練習　花子", "ﾚﾝｼｭｳ ﾊﾅｺ", "昭和19年6月21日", "女", ""),
        *("○", "○", "○", "", "○", "○", "2026/11/18", "2026/12/18 23:59"),
    ]
    assert "検索結果：1件" in page.text


async def test_the_newest_registration_stands_first_and_once(
    world: PracticeWorld, http: httpx.AsyncClient, clock: Clock
) -> None:
    registers(world, "hanako")
    registers(world, "neri")
    clock.at += 60
    registers(world, "hanako", declined=ITEMS)
    rows = Cells((await http.get(PAGE)).text).rows[1:]
    assert [row[0] for row in rows] == ["練習　花子", "髙橋　練"]
    assert rows[0][5:11] == [""] * 6
    assert rows[0][-1] == "", "nothing ends where nothing was agreed to"


async def test_another_stations_registrations_are_not_seen(world: PracticeWorld, http: httpx.AsyncClient) -> None:
    registers(world, facility="9960000017")
    assert "検索結果：0件" in (await http.get(PAGE)).text
    assert names(await makes(http)) == []


@pytest.mark.parametrize(
    ("days", "count"),
    [
        ({}, 1),
        ({"from": "2026-11-18", "to": "2026-11-18"}, 1),
        ({"from": "2026-11-17", "to": "2026-11-17"}, 0),
        ({"from": "", "to": ""}, 1),
        ({"to": "2026-11-17"}, 0),
    ],
)
async def test_the_list_is_searched_by_the_day_of_consent(
    world: PracticeWorld, http: httpx.AsyncClient, days: dict[str, str], count: int
) -> None:
    registers(world)
    page = await http.get(PAGE, params=days)
    assert f"検索結果：{count}件" in page.text
    assert page.status_code == 200
    assert len(names(await makes(http, **days))) == count


@pytest.mark.parametrize("days", [{"from": "2026-11-18", "to": "2026-11-17"}, {"from": "yesterday"}, {"to": "0"}])
async def test_days_that_cannot_be_are_said(http: httpx.AsyncClient, days: dict[str, str]) -> None:
    for answer in (await http.get(PAGE, params=days), await makes(http, **days)):
        assert answer.status_code == 422
        assert "日付を見なおしてください" in answer.text


# --- numbers ---


async def test_a_number_is_kept_listed_and_in_the_file(world: PracticeWorld, http: httpx.AsyncClient) -> None:
    registers(world)
    answer = await http.post(f"{PAGE}/numbers", data={"number-neri": " A-0001 "})
    assert (answer.status_code, answer.headers["location"]) == (303, "/practice/terminal")
    assert Cells((await http.get(PAGE)).text).rows[1][4] == "A-0001"
    found = in_file(await makes(http)).answer
    assert isinstance(found, Answer02)
    assert found.persons[0].references == ("A-0001",)
    await http.post(f"{PAGE}/numbers", data={"number-neri": ""})
    assert Cells((await http.get(PAGE)).text).rows[1][4] == ""


@pytest.mark.parametrize("number", ["A" * 21, "123456789012", "1234-5678-9012", "A 1", "あ", "<b>", "A/1", "１２３"])
async def test_a_number_that_cannot_be_one_is_said_and_nothing_is_kept(
    world: PracticeWorld, http: httpx.AsyncClient, number: str
) -> None:
    registers(world)
    answer = await http.post(f"{PAGE}/numbers", data={"number-hanako": "B-0002", "number-neri": number})
    assert answer.status_code == 422
    assert "髙橋　練さんの照会番号を見なおしてください" in answer.text
    assert 'value="B-0002"' in answer.text, "what was typed is still there"
    assert "B-0002" not in (await http.get(PAGE)).text


# --- files ---


async def test_a_request_is_answered_and_its_window_remembered(world: PracticeWorld, http: httpx.AsyncClient) -> None:
    registers(world)
    first = await makes(http, a_request(), **{"from": "2026-01-01", "to": "2026-01-02"})
    assert 'filename="OQSmuhvq01res_202611180012.xml"' in first.headers["content-disposition"]
    receipt = in_file(first).answer
    assert isinstance(receipt, Answer01)
    assert (receipt.header.key, len(receipt.reception)) == ("KEY-9", 10)
    second = await makes(http, a_request(FileKind.REQUEST_02, receipt.reception), **{"from": "2026-01-01"})
    assert 'filename="OQSmuhvq02res_202611180012.xml"' in second.headers["content-disposition"]
    answer = in_file(second).answer
    assert isinstance(answer, Answer02)
    assert (answer.header.key, [person.results[0].name for person in answer.persons]) == ("KEY-9", ["髙橋　練"])


async def test_each_request_has_a_number_of_its_own(http: httpx.AsyncClient) -> None:
    receptions = set()
    for _ in range(3):
        receipt = in_file(await makes(http, a_request())).answer
        assert isinstance(receipt, Answer01)
        receptions.add(receipt.reception)
    assert len(receptions) == 3


async def test_a_request_may_come_in_a_zip(http: httpx.AsyncClient) -> None:
    packed = io.BytesIO()
    name, content = a_request()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    receipt = in_file(await makes(http, (name.replace("xml", "zip"), packed.getvalue()))).answer
    assert isinstance(receipt, Answer01)


@pytest.mark.parametrize(
    ("request_file", "words"),
    [
        (("", b""), "要求のファイルがありません"),
        (("x.xml", b"%PDF-1.7"), "要求のファイルとして読めません"),
        (("x.xml", write(Request01(STATION, "", TODAY, TODAY))[:200]), "要求のファイルとして読めません"),
        (a_request(station="9960000017"), "別の事業所（9960000017）の要求です"),
        (a_request(FileKind.REQUEST_02, "2611189999"), "受付番号2611189999は見つかりません"),
        (("x.xml", b"<XmlMsg>" + b" " * MAX_UPLOAD + b"</XmlMsg>"), "ファイルが大きすぎます"),
    ],
    ids=["none", "a pdf", "cut", "another station", "unknown number", "too large"],
)
async def test_a_request_that_cannot_be_answered_is_said(
    http: httpx.AsyncClient, request_file: tuple[str, bytes], words: str
) -> None:
    answer = await makes(http, request_file, fault="cut")
    assert answer.status_code == 422
    assert words in answer.text
    assert "content-disposition" not in answer.headers
    is_read = "大きすぎ" not in words
    assert (f'value="{Fault.CUT}" selected' in answer.text) is is_read, "what was chosen stays chosen"


async def test_a_body_that_is_no_form_is_said(http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{PAGE}/file", content=b"nothing", headers={"Content-Type": "multipart/form-data"})
    assert answer.status_code == 422
    assert "送られた内容を読めませんでした" in answer.text


async def test_nothing_larger_is_read_even_without_a_length(http: httpx.AsyncClient) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--x\r\nContent-Disposition: form-data; name="request"; filename="a.xml"\r\n\r\n'
        while taken < 10_000_000:
            taken += 1024
            yield b" " * 1024

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = await http.post(f"{PAGE}/file", content=endless(), headers=headers)
    assert answer.status_code == 422
    assert "ファイルが大きすぎます" in answer.text
    assert taken <= 2 * MAX_UPLOAD


async def test_a_letter_without_shift_jis_is_named_and_nothing_is_lost(
    world: PracticeWorld, http: httpx.AsyncClient
) -> None:
    registers(world, "kaku")
    choices: Mapping[str, object] = {"letters": "Shift_JIS", "consents": Twist.EXPIRED, "more": [Twist.TWO_INSURANCES]}
    answer = await makes(http, **choices)
    assert answer.status_code == 422
    assert "「𠮷」の字は、Shift_JISでは書けません" in answer.text
    assert 'value="UTF-8" checked' in answer.text
    assert f'value="{Twist.EXPIRED}" selected' in answer.text
    assert f'value="{Twist.TWO_INSURANCES}" checked' in answer.text
    again = await makes(http, **{**choices, "letters": "UTF-8"})
    assert in_file(again).encoding is Encoding.UTF_8
    assert names(again) == ["𠮷田　架空"]


async def test_a_letter_without_shift_jis_leaves_a_request_where_it_was(
    world: PracticeWorld, http: httpx.AsyncClient
) -> None:
    registers(world, "kaku")
    receipt = in_file(await makes(http, a_request())).answer
    assert isinstance(receipt, Answer01)
    answer = await makes(http, a_request(FileKind.REQUEST_02, receipt.reception))
    assert answer.status_code == 422
    assert f'type="hidden" name="reception" value="{receipt.reception}"' in answer.text
    again = await makes(http, ("", b""), reception=receipt.reception, letters="UTF-8")
    assert names(again) == ["𠮷田　架空"]


@pytest.mark.parametrize("fault", list(Fault))
async def test_every_fault_can_be_chosen_on_the_page(
    world: PracticeWorld, http: httpx.AsyncClient, fault: Fault
) -> None:
    registers(world)
    assert f'<option value="{fault}">' in (await http.get(PAGE)).text
    answer = await makes(http, fault=fault)
    assert answer.status_code == 200
    with_zip = fault.startswith("zip")
    assert answer.headers["content-type"] == ("application/zip" if with_zip else "application/xml")
    assert fault in EXPECTED


@pytest.mark.parametrize("twist", list(Twist))
async def test_every_twist_can_be_chosen_on_the_page(
    world: PracticeWorld, http: httpx.AsyncClient, twist: Twist
) -> None:
    registers(world)
    await http.post(f"{PAGE}/numbers", data={"number-neri": "A-0001"})
    page = (await http.get(PAGE)).text
    field = next(
        field
        for field in ("consents", "validity", "references", "more")
        if re.search(rf'name="{field}"(?:(?!</select>|name=).)*value="{twist}"', page, re.DOTALL)
    )
    plain = (await makes(http)).content
    assert (await makes(http, **{field: twist})).content != plain


async def test_whom_and_which_item_are_chosen_from_what_is_there(world: PracticeWorld, http: httpx.AsyncClient) -> None:
    registers(world, "neri")
    registers(world, "shippei")
    page = (await http.get(PAGE)).text
    assert [value for value in BY_ID if f'<option value="{value}">' in page] == ["neri", "shippei"]
    assert all(f'<option value="{flag.id}"' in page for flag in COLUMNS.values())
    answer = in_file(await makes(http, consents=Twist.ONE_DIFFERS, whom="neri", item="surgery")).answer
    assert isinstance(answer, Answer02)
    codes = {person.results[0].name: person.results[0].consents[0].code for person in answer.persons}
    assert codes == {"髙橋　練": "0", "架空　一郎": "1"}


@pytest.mark.parametrize("field", ["letters", "packing", "consents", "whom", "item", "fault", "more"])
async def test_a_choice_that_does_not_exist_counts_as_none(http: httpx.AsyncClient, field: str) -> None:
    assert in_file(await makes(http, **{field: "unheard-of"})).problem_count == 0


# --- how the page is made ---


async def test_the_page_is_of_the_practice_world(world: PracticeWorld, http: httpx.AsyncClient) -> None:
    registers(world)
    for page in (await http.get(PAGE), await makes(http, ("", b""))):
        assert "練習の画面" in page.text
        assert "公式アプリではありません。" in page.text
        assert page.headers["cache-control"] == "no-store"
        made = Made(page.text)
        assert made.inline == []
        assert made.tags.count("h1") == 1
        assert len(made.ids) == len(set(made.ids))
        assert not any(person.number in page.text for person in PEOPLE), "no card's number is shown"


async def test_the_way_there_is_on_the_front_page(http: httpx.AsyncClient) -> None:
    home = await http.get(f"{ORIGIN}/practice/")
    assert 'href="/practice/terminal"' in home.text
    assert "練習の端末" in home.text


async def test_what_is_registered_fades_after_a_day(
    world: PracticeWorld, http: httpx.AsyncClient, clock: Clock
) -> None:
    registers(world)
    clock.at += 24 * 3600
    assert "検索結果：0件" in (await http.get(PAGE)).text
