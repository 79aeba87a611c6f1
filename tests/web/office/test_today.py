"""The day's list: the office plans, the nurse types the day's word, and the visit begins with its gate answered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from app.main import PRACTICE_STATION, Kazasu
from app.ports.outside import Unavailable
from app.rules.record.evidence import VisitState, hashed, state
from app.rules.station.account import Role
from app.rules.station.day_list import MOST
from app.rules.station.station import Link, Station, new_token
from app.rules.visit.flow import STEPS
from app.rules.visit.visit import Holder, Visit
from app.rules.words.dates import day_of
from tests.adapters.samples import visit_of
from tests.rules.visits import NOW, ordinary
from tests.web.bedside.nurse import StillClock
from tests.web.bedside.page import Page
from tests.web.office.clerk import BROWSER, Clerk
from tests.web.office.test_worklist import at_the_bedside, record

LIST = "/office/today"
TODAY = day_of(NOW)
TOMORROW = TODAY + timedelta(days=1)
DAY = 24 * 3600
ADDS = 1
"""Which of the page's forms puts numbers on the list; the first one goes to another day."""

Browser = Callable[[], Clerk]


async def plans(clerk: Clerk, numbers: str, *, day: date = TODAY, expect: int = 200, **given: Any) -> Page:
    """Put numbers on a day's list."""
    await clerk.get(f"{LIST}?day={day}")
    ordinary = {"references": numbers, "need": "first", "over_40": "yes"}
    return await clerk.press(LIST, expect=expect, nth=ADDS, **{**ordinary, **given})


def row(page: Page, number: str) -> list[str]:
    """Return what stands beside a number: what to do, the age, and what became of it."""
    rows = ([cell.text for cell in each.all("td")] for each in page.root.all("tr"))
    return next(cells[1:4] for cells in rows if cells and cells[0] == number)


def word_on(page: Page) -> str:
    """Return the day's word as the office reads it out."""
    return next(each.text for each in page.root.all("p") if "kz-word" in each.attrs.get("class", ""))


class Bedside(Clerk):
    """A nurse's phone at the practice station."""

    @property
    async def entry(self) -> str:
        link = await self.kazasu.store.live_link(PRACTICE_STATION.id)
        assert link is not None
        return f"/f/{link.token}"

    async def types(self, word: str, *, expect: int = 200) -> Page:
        """Open the list with a word."""
        address = f"{await self.entry}/today"
        await self.get(address)
        return await self.press(address, expect=expect, word=word)

    async def chooses(self, reference: str, *, expect: int = 200) -> Page:
        """Begin the visit of a number on the list at hand."""
        return await self.press(f"{await self.entry}/today", expect=expect, reference=reference)

    async def comes_to(self, step: str) -> Page:
        """Answer every page before this step's in the ordinary way."""
        assert self.page
        while self.page.path != f"/visit/{step}":
            at = STEPS.get(self.page.path.removeprefix("/visit/"))
            await self.press(self.page.path, **(ordinary(at, await self.visit()) if at else dict[str, Any]()))
        return self.page

    async def visit(self) -> Visit:
        """Return the visit that this phone holds."""
        found = await visit_of(self.kazasu.store, hashed(self.http.cookies.get("visit") or ""))
        assert found is not None
        return found


@pytest.fixture
async def phone(kazasu: Kazasu) -> Any:
    one = Bedside(kazasu)
    yield one
    await one.http.aclose()


# --- the office plans -------------------------------------------------------------------------------------------


async def test_what_is_put_on_a_day_stands_on_that_day_only(staff: Clerk) -> None:
    page = await staff.get(LIST)
    assert "この日の一覧に、番号はありません" in page.text
    page = await plans(staff, "T-0002\nT-0001\n", day=TOMORROW, need="renewal", over_40="no")
    assert "2件を入れました" in page.text
    assert page.text.index("T-0001") < page.text.index("T-0002")
    assert row(page, "T-0001") == row(page, "T-0002") == ["登録のしなおし・変更", "40歳未満", "まだです"]
    assert "T-0001" not in (await staff.get(LIST)).text


@pytest.mark.parametrize("added", ["1" + "0" * 5000, "0" * 5000, "00101", "-1", "٣", ""])
async def test_an_address_that_claims_nonsense_shows_the_page(staff: Clerk, added: str) -> None:
    page = await staff.get(f"{LIST}?added={added}")
    assert "件を入れました" not in page.text


async def test_looking_writes_nothing(staff: Clerk, kazasu: Kazasu) -> None:
    for address in (LIST, f"{LIST}?day={TOMORROW}", f"{LIST}/print"):
        page = await staff.get(address)
        assert "合言葉" in page.text
    await plans(staff, "T-0001")
    first = word_on(await staff.get(LIST))
    assert first == word_on(await plans(staff, "T-0002"))
    assert "番号を入れると、合言葉ができます" in (await staff.get(f"{LIST}?day={TOMORROW}")).text


async def test_other_pages_put_a_number_there_too(staff: Clerk) -> None:
    given = {"day": str(TOMORROW), "references": "00412", "need": "renewal", "over_40": "yes"}
    answer = await staff.http.post(LIST, data={"token": staff.token(), **given})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{LIST}?day={TOMORROW}")
    without_age = {**given, "references": "00413"}
    del without_age["over_40"]
    page = await staff.send(LIST, {"token": staff.token(), **without_age}, expect=422)
    assert "年齢：どちらかをえらんでください" in page.text
    assert "00413" in page.root.all("textarea")[0].text
    assert page.form_fields(LIST, ADDS)["day"] == str(TOMORROW)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"references": ""}, "照会番号を、1行に1つずつ入れてください"),
        ({"references": "T-1\n山田 花子"}, "2行目：半角の英数字とハイフンで、20文字までにしてください"),
        ({"references": "T-1\n1234 5678 9018"}, "2行目：マイナンバー（12けた）のように見えます"),
        ({"references": "\n".join(map(str, range(MOST + 1)))}, f"一度に入れられるのは、{MOST}件までです"),
        ({"need": "withdraw"}, "すること：どちらかをえらんでください"),
        ({"over_40": ""}, "年齢：どちらかをえらんでください"),
        ({"day": str(TODAY - timedelta(days=1))}, "今日から366日先までの日にしてください"),
        ({"day": str(TODAY + timedelta(days=367))}, "今日から366日先までの日にしてください"),
        ({"day": "明日"}, "今日から366日先までの日にしてください"),
    ],
)
async def test_what_cannot_be_is_asked_again_and_nothing_is_written(
    staff: Clerk, given: dict[str, Any], says: str
) -> None:
    await staff.get(LIST)
    ordinary = {"references": "T-1", "need": "first", "over_40": "yes"}
    page = await staff.press(LIST, expect=422, nth=ADDS, **{**ordinary, **given})
    assert says in page.text
    assert page.title.startswith("エラー：")
    assert "この日の一覧に、番号はありません" in page.text
    assert "9018" not in page.source


async def test_one_thing_is_changed_at_a_time_and_a_number_comes_off(staff: Clerk) -> None:
    await plans(staff, "T-0001\nT-0002")
    page = await staff.press(f"{LIST}/change", need="renewal")
    assert row(page, "T-0001")[:2] == ["登録のしなおし・変更", "40歳以上"]
    page = await staff.press(f"{LIST}/change", over_40="no")
    assert row(page, "T-0001")[:2] == ["登録のしなおし・変更", "40歳未満"]
    assert row(page, "T-0002")[:2] == ["はじめて登録", "40歳以上"]
    page = await staff.press(f"{LIST}/remove")
    assert "T-0001" not in page.text
    token, gone = staff.token(), {"day": str(TODAY), "reference": "T-0001", "need": "first"}
    page = await staff.send(f"{LIST}/change", {"token": token, **gone})
    assert "T-0001" not in page.text


async def test_a_list_of_the_past_is_read_and_no_longer_written(staff: Clerk, clock: StillClock) -> None:
    await plans(staff, "T-0001")
    clock.pass_(DAY)
    await staff.signs_in("haru")
    page = await staff.get(f"{LIST}?day={TODAY}")
    assert "T-0001" in page.text
    assert page.forms(f"{LIST}/remove")
    assert [form.attrs.get("method") for form in page.forms(LIST)] == [None]
    assert "合言葉" not in page.text
    assert f'<option value="{TOMORROW}" selected>' in (await staff.get(f"{LIST}?day=1999-01-01")).source


async def test_the_sheet_says_what_to_do_and_not_the_word(staff: Clerk) -> None:
    page = await plans(staff, "T-0001", need="renewal")
    word = word_on(page).replace(" ", "")
    page = await staff.get(page.link("印刷する"))
    for sentence in ("T-0001 登録のしなおし・変更 40歳以上", "使ったら、シュレッダーへ", "練習"):
        assert sentence in page.text
    assert word not in page.source.replace(" ", "")
    assert "data-print-now" in page.source
    assert "data-print-now" not in (await staff.get(f"{LIST}/print?day={TODAY}")).source


async def test_another_station_sees_and_changes_nothing(staff: Clerk, kazasu: Kazasu) -> None:
    await plans(staff, "T-0001")
    word = word_on(await staff.get(LIST))
    theirs = Station("otonari", "おとなり訪問看護ステーション", "9960000017", "03-0000-0001")
    link = Link(new_token(), theirs.id, 1, NOW)
    await kazasu.store.add_facility(theirs, link)
    who = (await kazasu.desk.office.account("haru")) or pytest.fail("no account")
    await kazasu.desk.office.add_member(who.id, theirs.id, Role.STAFF)
    await staff.get("/office")
    page = await staff.press("/office/switch", facility=theirs.id)
    assert "おとなり" in page.text
    page = await staff.get(LIST)
    assert "T-0001" not in page.text
    token = page.form_fields("/office/sign-out")["token"]
    page = await staff.send(f"{LIST}/remove", {"token": token, "day": str(TODAY), "reference": "T-0001"})
    nurse = Bedside(kazasu)
    assert "T-0001" in (await nurse.types(word)).text
    await nurse.get(f"/f/{link.token}/today")
    await nurse.press(f"/f/{link.token}/today", expect=422, word=word)
    await nurse.http.aclose()


# --- the nurse begins -------------------------------------------------------------------------------------------


async def planned_for(staff: Clerk, numbers: str = "T-0001\nT-0002", **given: Any) -> str:
    return word_on(await plans(staff, numbers, **given))


async def test_the_entry_leads_to_the_list(phone: Bedside) -> None:
    page = await phone.get(await phone.entry)
    page = await phone.get(page.link("今日の一覧から始める"))
    assert page.h1 == "今日の一覧から始める"


@pytest.mark.parametrize("spelt", [str, str.lower, " ".join, lambda word: word.replace(" ", "－")])
async def test_the_word_opens_the_list_however_it_is_spelt(
    staff: Clerk, phone: Bedside, spelt: Callable[[str], str]
) -> None:
    page = await phone.types(spelt(await planned_for(staff)))
    assert page.h1 == "今日の一覧"
    rows = [(each.attrs["value"], each.text) for each in page.root.all("button")]
    assert rows == [(number, f"{number}はじめて登録 40歳以上") for number in ("T-0001", "T-0002")]


@pytest.mark.parametrize(("need", "intent"), [("first", "first"), ("renewal", "change")])
async def test_a_visit_begins_with_its_number_and_its_gate_answered(
    staff: Clerk, phone: Bedside, kazasu: Kazasu, need: str, intent: str
) -> None:
    await phone.types(await planned_for(staff, need=need, over_40="no"))
    page = await phone.chooses("T-0002")
    assert page.path == "/visit/hand-over"
    assert page.h1 == "スマホを患者さまにお渡しください"
    visit = await phone.visit()
    assert visit.answers == {"need": {"over_40": "no", "reference": "T-0002", "intent": intent}}
    assert (visit.version, visit.holder, visit.times) == (1, Holder.STAFF, {"need": NOW})
    opened, gate = await record(kazasu)
    assert (opened.entry.type, gate.entry.type) == ("opened", "need_answered")
    assert {opened.entry.visit, gate.entry.visit} == {visit.id}
    assert gate.body == {"over_40": "no", "intent": intent, "reference": "T-0002", "from": "today"}


async def test_the_visit_goes_on_as_any_other(staff: Clerk, phone: Bedside) -> None:
    await phone.types(await planned_for(staff, over_40="no"))
    await phone.chooses("T-0001")
    await phone.comes_to("consent")
    asked = ("surgery", "clinical_drug", "limit_amount", "specific_disease")
    agreed: dict[str, Any] = dict.fromkeys(asked, "agree")
    await phone.press("/visit/consent", **agreed)
    page = await phone.press("/visit/check", confirmed="yes")
    assert page.h1 == "本人確認"
    visit = await phone.visit()
    assert state(visit) is VisitState.HANDED_OFF
    page = await staff.get(LIST)
    assert f"訪問 {visit.code}" in page.text
    page = await staff.get(page.link(f"訪問 {visit.code}"))
    assert "照会番号T-0001" in page.text.replace(" ", "")


async def test_a_number_that_was_begun_is_marked_and_may_be_begun_again(
    staff: Clerk, phone: Bedside, browser: Browser
) -> None:
    word = await planned_for(staff)
    await phone.types(word)
    await phone.chooses("T-0001")
    assert row(await staff.get(LIST), "T-0001")[2] == "始めましたまだ、カードの登録には進んでいません"
    other = Bedside(phone.kazasu)
    page = await other.types(word)
    marked = {each.attrs["value"]: "もう一度、始められます" in each.text for each in page.root.all("button")}
    assert marked == {"T-0001": True, "T-0002": False}
    assert (await other.chooses("T-0001")).path == "/visit/hand-over"
    assert (await other.visit()).id != (await phone.visit()).id
    await other.http.aclose()


async def test_the_visit_before_on_this_phone_ends_and_that_is_said(staff: Clerk, phone: Bedside) -> None:
    word = await planned_for(staff)
    await phone.types(word)
    await phone.chooses("T-0001")
    before = phone.http.cookies.get("visit") or ""
    page = await phone.types(word)
    assert "新しく始めると終わります" in page.text
    await phone.chooses("T-0002")
    assert await visit_of(phone.kazasu.store, hashed(before)) is None


async def test_a_number_that_came_off_meanwhile_begins_nothing(staff: Clerk, phone: Bedside, kazasu: Kazasu) -> None:
    await phone.types(await planned_for(staff))
    await staff.press(f"{LIST}/remove")
    page = await phone.chooses("T-0001", expect=409)
    assert "その番号は、一覧から外れました" in page.text
    assert await record(kazasu) == []


async def test_a_mark_that_cannot_be_kept_holds_up_nobody(
    staff: Clerk, phone: Bedside, monkeypatch: pytest.MonkeyPatch
) -> None:
    await phone.types(await planned_for(staff))

    async def refuse(*_: object) -> bool:
        raise Unavailable

    monkeypatch.setattr("app.adapters.sql.day_list.SqlDayLists.begun", refuse)
    assert (await phone.chooses("T-0001")).path == "/visit/hand-over"


async def test_an_empty_list_says_so(staff: Clerk, phone: Bedside) -> None:
    word = await planned_for(staff, "T-0001")
    await staff.press(f"{LIST}/remove")
    assert "番号はありません" in (await phone.types(word)).text


# --- who may see it ---------------------------------------------------------------------------------------------

WRONG = "ZZZ ZZZ"


async def test_a_wrong_word_is_said_and_shows_nothing(staff: Clerk, phone: Bedside) -> None:
    await planned_for(staff)
    for word in (WRONG, "", "123456", "ABC"):
        page = await phone.types(word, expect=422)
        assert "今日の合言葉と、ちがいます" in page.text
        assert page.title.startswith("エラー：")
        assert "T-0001" not in page.source


async def test_the_word_of_another_day_opens_nothing(staff: Clerk, phone: Bedside, clock: StillClock) -> None:
    tomorrows = await planned_for(staff, "T-0009", day=TOMORROW)
    todays = await planned_for(staff)
    await phone.types(tomorrows, expect=422)
    clock.pass_(DAY)
    await phone.types(todays, expect=422)
    assert "T-0009" in (await phone.types(tomorrows)).text


@pytest.mark.threat("T15")
async def test_after_five_wrong_words_even_the_right_one_waits(
    staff: Clerk, phone: Bedside, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("app.web.kit.limits.time.monotonic", lambda: now[0])
    word = await planned_for(staff)
    for _ in range(3):
        await phone.types(word)  # what is right does not count
    for _ in range(5):
        await phone.types(WRONG, expect=422)
    answers = [await phone.types(each, expect=429) for each in (word, WRONG, "")]
    assert len({page.source for page in answers}) == 1
    assert "T-0001" not in answers[0].source
    token = {"word": word.replace(" ", ""), "reference": "T-0001"}
    await phone.send(f"{await phone.entry}/today", token, expect=429)
    now[0] = 600.0
    await phone.types(word)


@pytest.mark.threat("T15")
async def test_a_station_without_a_word_answers_as_one_with_another(staff: Clerk, phone: Bedside) -> None:
    without = await phone.types(WRONG, expect=422)
    await planned_for(staff)
    assert (await phone.types(WRONG, expect=422)).source == without.source


@pytest.mark.threat("T25")
async def test_nothing_of_it_opens_in_the_patients_hands(staff: Clerk, phone: Bedside, kazasu: Kazasu) -> None:
    word = await planned_for(staff)
    await phone.types(word)
    await phone.chooses("T-0001")
    await phone.press("/visit/hand-over")
    before, address = len(await record(kazasu)), f"{await phone.entry}/today"
    answers = [
        await phone.http.get(address),
        await phone.http.post(address, data={"word": word}, headers=BROWSER),
        await phone.http.post(address, data={"word": word, "reference": "T-0002"}, headers=BROWSER),
    ]
    assert [(each.status_code, each.headers["location"]) for each in answers] == [(303, "/visit/hand-over")] * 3
    assert len(await record(kazasu)) == before


async def test_an_unknown_or_replaced_entry_has_no_list(staff: Clerk, phone: Bedside, kazasu: Kazasu) -> None:
    word = await planned_for(staff)
    old = await phone.entry
    link = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert link is not None
    assert await kazasu.desk.office.replace_entry(Link(new_token(), link.facility, link.revision, NOW))
    for method, address, status in (
        ("GET", f"{old}/today", 410),
        ("POST", f"{old}/today", 410),
        ("GET", "/f/2222aaaabbbb/today", 404),
        ("POST", "/f/2222aaaabbbb/today", 404),
    ):
        answer = await phone.http.request(method, address, data={"word": word} if method == "POST" else None)
        assert answer.status_code == status, address
        assert "T-0001" not in answer.text


async def test_the_word_is_in_no_address_and_no_cookie(staff: Clerk, phone: Bedside) -> None:
    word = (await planned_for(staff)).replace(" ", "")
    await phone.types(word)
    await phone.chooses("T-0001")
    assert phone.page is not None
    assert word not in phone.page.path
    assert word not in str(list(phone.http.cookies.items()))
    assert word not in phone.page.source
    assert "T-0002" not in phone.page.source


async def test_another_visit_of_the_same_number_is_the_worklists(staff: Clerk, kazasu: Kazasu, phone: Bedside) -> None:
    await phone.types(await planned_for(staff))
    await phone.chooses("T-0001")
    visit = await at_the_bedside(kazasu, "a", "trouble", reference="T-0001")
    page = await staff.get(LIST)
    assert visit.code not in page.text
    assert row(page, "T-0001")[2].startswith("始めました")


# --- what the office saw before ---------------------------------------------------------------------------------


async def sees_before(staff: Clerk, kazasu: Kazasu, reference: str, **flags: Any) -> None:
    """Let the office have seen a visit of this number."""
    visit = await at_the_bedside(kazasu, reference, reference=reference)
    await staff.get(f"/office/visits/{visit.id}")
    await staff.press(f"/office/visits/{visit.id}/seen", found="yes", **flags)


async def test_who_changes_sees_the_earlier_choices_beside_the_new(
    staff: Clerk, phone: Bedside, kazasu: Kazasu
) -> None:
    await sees_before(staff, kazasu, "T-0001", surgery="yes", clinical="yes")
    await phone.types(await planned_for(staff, need="renewal"))
    await phone.chooses("T-0001")
    page = await phone.comes_to("consent")
    assert page.text.count("前に、事業所で確認したとき：") == 4, (
        "one question with two columns that differ says nothing"
    )
    visit = await phone.visit()
    assert visit.earlier == {
        "surgery": "agree",
        "health_checkup": "decline",
        "limit_amount": "decline",
        "specific_disease": "decline",
    }
    asked = ("surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease")
    page = await phone.press("/visit/consent", **dict[str, Any](dict.fromkeys(asked, "decline")))
    assert page.text.count("前とちがいます") == 1


async def test_who_types_a_number_at_the_bedside_is_shown_nothing_of_it(
    staff: Clerk, phone: Bedside, kazasu: Kazasu
) -> None:
    await sees_before(staff, kazasu, "T-0001", surgery="yes")
    entry = await phone.entry
    await phone.get(entry)
    await phone.send(entry, {"start": "1"})
    await phone.press("/visit/need", over_40="yes", intent="change", reference="T-0001")
    page = await phone.comes_to("consent")
    assert "前に、事業所で確認したとき" not in page.text


@pytest.mark.parametrize(("then", "is_told"), [({"found": "yes"}, True), ({"found": "no"}, False), ({}, False)])
async def test_the_gate_believes_what_the_office_saw_last(
    staff: Clerk, phone: Bedside, kazasu: Kazasu, clock: StillClock, then: dict[str, Any], is_told: bool
) -> None:
    await sees_before(staff, kazasu, "T-0001", surgery="yes")
    clock.pass_(60)
    visit = await at_the_bedside(kazasu, "again", reference="T-0001")
    await staff.get(f"/office/visits/{visit.id}")
    ended: dict[str, Any] = {"found": "yes", "surgery": "yes", "available_until": "2020/01/31 23:59"}
    await staff.press(f"/office/visits/{visit.id}/seen", **({**then, "surgery": "yes"} if then else ended))
    entry = await phone.entry
    await phone.get(entry)
    await phone.send(entry, {"start": "1"})
    page = await phone.press("/visit/need", over_40="yes", intent="continues", reference="T-0001")
    assert ("事業所で確認した登録があります" in page.text) is is_told


@pytest.mark.threat("T15")
async def test_whether_a_number_has_a_registration_is_told_only_so_often(
    staff: Clerk, phone: Bedside, kazasu: Kazasu
) -> None:
    every = ("surgery", "clinical", "drug", "health_checkup", "limit_amount", "specific_disease")
    await sees_before(staff, kazasu, "T-0001", **dict[str, Any](dict.fromkeys(every, "yes")))
    entry = await phone.entry
    await phone.get(entry)
    await phone.send(entry, {"start": "1"})
    told = []
    for number in ("T-0001", *(f"T-{n:04}" for n in range(2, 21)), "T-0001"):
        await phone.get("/visit/need")
        page = await phone.press("/visit/need", over_40="yes", intent="continues", reference=number)
        told.append("事業所で確認した登録があります" in page.text)
    assert told == [True, *[False] * 20], "the twenty-first is asked of the office"
