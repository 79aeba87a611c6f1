"""The official route: out to a page that tells us nothing, and back by any way, any time, in any browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Playwright

from app.main import PRACTICE_STATION
from app.rules.record.event import EventType
from tests.browser.conftest import ARGUMENTS
from tests.browser.nurse import AGREE, Nurse, Patient
from tests.browser.official import ADDRESS, HOST, OfficialServer, OfficialTab, Reception, certificate
from tests.browser.phone import Judged, Look, Phone, new_phone

pytestmark = pytest.mark.browser

ASKS = "公式の画面に、何と出ましたか"
DONE = "登録が終わった、と出た"
LINE_APP = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Safari Line/15.1.0"


@pytest.fixture(scope="module")
def reception(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with Reception(certificate(tmp_path_factory.mktemp("tls"))) as standing:
        yield standing


@pytest.fixture(scope="module")
def _official(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OfficialServer]:
    with OfficialServer(tmp_path_factory.mktemp("official"), certificate(tmp_path_factory.mktemp("tls"))) as running:
        yield running


@pytest.fixture
def server(_official: OfficialServer) -> Iterator[OfficialServer]:
    _official.mend()
    yield _official
    _official.mend()


@pytest.fixture(scope="module")
def browser(playwright: Playwright, headless_shell: str, reception: Reception) -> Iterator[Browser]:
    rules = f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{reception.port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    arguments = [*(each for each in ARGUMENTS if "resolver" not in each), rules, "--ignore-certificate-errors"]
    opened = playwright.chromium.launch(executable_path=headless_shell, args=arguments)
    yield opened
    opened.close()


@pytest.fixture
def phone(browser: Browser, server: OfficialServer, look: Look, judged: Judged) -> Iterator[Phone]:
    held = new_phone(browser, server, look, judged)
    yield held
    noticed = held.noticed
    held.context.close()
    assert not noticed, noticed


def has_come_out(nurse: Nurse, patient: Patient) -> None:
    """Stand on the page that leads to the official one, with everything agreed to."""
    nurse.phone.hurries_to_the_card(over_40=True)
    patient.hands_the_phone_to(nurse)
    nurse.is_at("本人確認")


def goes_out(nurse: Nurse, patient: Patient) -> None:
    """Walk to the page that leads to the official one."""
    nurse.starts()
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each(but=("手術の情報",))
    patient.looks_at_the_choices()
    patient.confirms(Nurse.receives)
    patient.hands_the_phone_to(nurse)
    nurse.is_at("本人確認")


def opens_the_official_page(phone: Phone) -> None:
    with phone.context.expect_page() as opened:
        phone.taps_on(phone.find("link", "公式のページを開く"))
    opened.value.wait_for_load_state()
    assert opened.value.url == ADDRESS
    opened.value.close()


def reported(phone: Phone) -> list[dict[str, Any]]:
    """Return what was reported of the newest visit."""
    record = phone.server.record()
    visit = record[-1].entry.visit
    return [
        dict(each.body or {}) for each in record if each.entry.visit == visit and each.entry.type == EventType.REPORTED
    ]


@pytest.mark.parametrize("look", [Look(), Look("no JavaScript", scripts=False)], ids=str)
def test_out_and_back_and_told(nurse: Nurse, patient: Patient, phone: Phone, reception: Reception) -> None:
    reception.asked.clear()
    goes_out(nurse, patient)
    phone.reads(
        "公式の画面では、もう一度聞かれます", "まだ登録されていません", "2回ちがったら、やめます", "資格確認・同意登録"
    )
    opens_the_official_page(phone)
    phone.follows("もどってきたら、ここ")
    phone.reads(ASKS)
    phone.presses(DONE)
    nurse.is_at("おつかれさまでした")
    phone.reads("登録したと申告されました")
    assert reported(phone) == [{"report": "done"}]
    ((asked, headers),) = reception.asked
    assert f"https://{HOST}{asked}" == ADDRESS
    assert "referer" not in headers
    assert "cookie" not in headers


@pytest.mark.threat("T06")
@pytest.mark.threat("T13")
def test_nothing_of_the_patient_stands_in_any_address(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    seen: list[str] = []
    phone.context.on("request", lambda request: seen.append(request.url))
    goes_out(nurse, patient)
    opens_the_official_page(phone)
    phone.follows("もどってきたら、ここ")
    phone.presses(DONE)
    visit = phone.server.record()[-1].entry.visit
    secrets = [
        visit,
        "agree",
        "decline",
        "surgery",
        *(each["value"] for each in phone.context.cookies() if each["name"] != "station"),
    ]
    assert len(seen) > 20
    assert [url for url in seen if any(secret in url for secret in secrets)] == []


def test_seen_again_the_page_asks_what_was_shown(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    has_come_out(nurse, patient)
    opens_the_official_page(phone)
    with phone.arrives():
        phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    phone.reads(ASKS)
    assert reported(phone) == [], "coming back says nothing"


def test_whoever_only_looks_for_the_memo_finds_it_again(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    has_come_out(nurse, patient)
    phone.follows("もどってきたら、ここ")
    phone.follows("メモと公式のページを、もう一度見る")
    phone.reads("選んだ内容のメモ")
    assert reported(phone) == []


def test_nobody_is_asked_who_never_left(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    has_come_out(nurse, patient)
    phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    phone.page.wait_for_timeout(300)
    nurse.is_at("本人確認")


@pytest.mark.threat("T20")
@pytest.mark.parametrize(
    ("says", "report", "heading"),
    [
        (DONE, "done", "おつかれさまでした"),
        ("患者さまが、途中でやめた", "stopped", "おつかれさまでした"),
        ("分からない・あとで知らせる", "later", "おつかれさまでした"),
        ("エラーや番号が出た", "trouble", "出た番号を書きとめます"),
    ],
)
def test_a_lost_way_back_is_found_at_the_entry_in_one_tap(
    nurse: Nurse, patient: Patient, phone: Phone, says: str, report: str, heading: str
) -> None:
    has_come_out(nurse, patient)
    phone.another_tab()
    nurse.opens_the_entry()
    phone.reads("このスマホで続いている訪問", ASKS)
    phone.presses(says)
    nurse.is_at(heading)
    assert reported(phone) == [{"report": report}]


def test_the_number_of_an_error_is_kept(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    has_come_out(nurse, patient)
    phone.follows("もどってきたら、ここ")
    phone.presses("エラーや番号が出た")
    phone.fills_in("エラーの番号", "1234")
    phone.presses("書きとめて、つぎへ")
    phone.reads("暗証番号のように見えます")
    phone.fills_in("エラーの番号", "OQC-OWSE0900000")
    phone.presses("書きとめて、つぎへ")
    nurse.is_at("おつかれさまでした")
    assert reported(phone) == [{"report": "trouble"}, {"code": "OQC-OWSE0900000"}]


def test_coming_back_twice_is_told_once(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    has_come_out(nurse, patient)
    for address in ("/return", "/return?code=x&state=y"):
        phone.opens(address)
        phone.reads(ASKS)
    phone.presses(DONE)
    phone.opens("/return")
    nurse.is_at("おつかれさまでした")
    assert reported(phone) == [{"report": "done"}]


@pytest.mark.parametrize(("minutes", "asks"), [(29, True), (31, False)])
def test_a_phone_that_slept(nurse: Nurse, patient: Patient, phone: Phone, minutes: int, asks: bool) -> None:
    has_come_out(nurse, patient)
    phone.server.clock.ahead = 60 * minutes
    nurse.opens_the_entry()
    assert (ASKS in phone.words) is asks
    phone.opens("/return")
    assert (ASKS in phone.words) is asks
    if not asks:
        phone.reads("ここからは分かりません")
    phone.server.clock.ahead = 0


def letters(phone: Phone) -> str:
    phone.unfolds("ちがうブラウザにもどってしまうとき")
    return phone.page.locator("p.kz-letters").inner_text()


def types_the_letters(phone: Phone, code: str) -> None:
    phone.opens(phone.server.entry)
    phone.follows("ほかのブラウザの続き")
    phone.fills_in("6文字", code)
    phone.presses("この訪問を続ける")


def test_another_browser_goes_on_and_the_first_has_nothing(
    nurse: Nurse, patient: Patient, phone: Phone, browser: Browser, server: OfficialServer, judged: Judged
) -> None:
    has_come_out(nurse, patient)
    code = letters(phone)
    other = new_phone(browser, server, Look(), judged)
    types_the_letters(other, code.lower())
    other.stands_at("本人確認")
    other.follows("もどってきたら、ここ")
    other.presses(DONE)
    other.stands_at("おつかれさまでした")
    phone.opens("/visit")
    phone.reads("この訪問は終わっています")
    types_the_letters(phone, code)
    phone.reads("この6文字の訪問は見つかりません")
    assert reported(phone) == [{"report": "done"}]
    assert not other.noticed
    other.context.close()


@pytest.mark.threat("T06")
@pytest.mark.parametrize("minutes", [29, 31])
def test_the_letters_hold_for_30_minutes(
    nurse: Nurse, patient: Patient, phone: Phone, browser: Browser, server: OfficialServer, judged: Judged, minutes: int
) -> None:
    has_come_out(nurse, patient)
    code = letters(phone)
    server.clock.ahead = 60 * minutes
    other = new_phone(browser, server, Look(), judged)
    types_the_letters(other, code)
    assert ("この6文字の訪問は見つかりません" in other.words) is (minutes > 30)
    other.context.close()


@pytest.mark.parametrize("look", [Look(), Look("no JavaScript", scripts=False)], ids=str)
def test_the_short_way_leaves_the_choice_to_the_official_page(nurse: Nurse, phone: Phone, look: Look) -> None:
    nurse.starts()
    taps = phone.taps
    nurse.goes_the_short_way()
    nurse.reads(
        "保険証の利用登録は、おすみですか",
        "利用者証明用。番号は聞き取りません",
        "手術、診療・薬剤、特定健診、限度額、特定疾病です。",
        "同意しなくても、訪問看護は、いままでと同じです。",
        "選ぶのは、ご本人です",
        "15歳未満は法定代理人",
        "2回まちがえたら、やめます（3回でロック）",
        "事業所名がちがったら、何も選ばずに止めます",
    )
    opens_the_official_page(phone)
    phone.follows("公式の画面に出たことを知らせる")
    nurse.is_at("資格確認")
    phone.presses(DONE)
    nurse.is_at("おつかれさまでした")
    phone.reads("登録したと申告されました", "この控えには、まだ書いてありません")
    assert phone.taps - taps == 4
    assert reported(phone) == [{"report": "done", "lang": "ja"}]
    record = phone.server.record()
    told = [each.entry.type for each in record if each.entry.visit == record[-1].entry.visit]
    assert told.index(EventType.HANDED_OFF) < told.index(EventType.REPORTED)
    (sent,) = [
        each.body
        for each in record
        if each.entry.visit == record[-1].entry.visit and each.entry.type == EventType.HANDED_OFF
    ]
    assert sent is not None
    assert set(json.loads(json.dumps(sent["choices"])).values()) == {"not_asked"}


def test_that_the_page_was_opened_is_known_though_nobody_comes_back(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.goes_the_short_way()
    before = len(phone.server.record())
    opens_the_official_page(phone)
    phone.page.wait_for_timeout(300)
    assert [each.entry.type for each in phone.server.record()[before:]] == [EventType.HANDED_OFF]


def test_the_items_are_explained_and_nothing_is_answered(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.goes_the_short_way()
    before = len(phone.server.record())
    phone.follows("患者さまに説明を見せる")
    nurse.is_at("聞かれる情報の説明")
    nurse.reads("手術の情報", "特定健診の情報", "くわしく")
    assert phone.page.locator("main input[type=radio]").count() == 0
    phone.follows("説明がすんだ")
    nurse.is_at("公式のページで登録します")
    assert len(phone.server.record()) == before


@pytest.mark.parametrize(
    ("said", "report"),
    [
        ("ちがう事業所の名前が出た", "other_name"),
        ("もう登録されている、と出た", "already"),
        ("患者さまが、途中でやめた", "stopped"),
    ],
)
def test_what_the_official_page_said_is_told_as_it_was(nurse: Nurse, phone: Phone, said: str, report: str) -> None:
    nurse.starts()
    nurse.goes_the_short_way()
    opens_the_official_page(phone)
    phone.follows("公式の画面に出たことを知らせる")
    phone.presses(said)
    assert reported(phone) == [{"report": report, "lang": "ja"}]


def test_who_lacks_something_is_shown_another_way_from_the_short_one(nurse: Nurse, phone: Phone) -> None:
    nurse.starts()
    nurse.goes_the_short_way()
    phone.follows("「いいえ」が1つでもあるとき")
    nurse.is_at("ほかの方法があります")
    nurse.takes_the_way("暗証番号を忘れた")
    phone.presses("やっぱり登録に進む")
    nurse.is_at("公式のページで登録します")
    phone.presses("今日はやめる")
    nurse.reads("今日でなくて、かまいません")
    nurse.ends_with_this_way()


def test_without_an_official_address_the_page_says_what_to_do(
    nurse: Nurse, patient: Patient, phone: Phone, tmp_path: Path, server: OfficialServer
) -> None:
    office = server.kazasu.desk.office
    before = server.ask(office.officials(PRACTICE_STATION.id, limit=1))[0]
    server.ask(
        office.replace_official(type(before)(PRACTICE_STATION.id, 0, "unreadable", HOST, "", "", server.clock.now()))
    )
    has_come_out(nurse, patient)
    phone.reads("公式のURLが、まだ入っていません")
    phone.follows("もどってきたら、ここ")
    phone.reads(ASKS)
    server.ask(server.enter(ADDRESS))


def test_an_app_around_the_browser_is_named(browser: Browser, server: OfficialServer, judged: Judged) -> None:
    context = browser.new_context(**Look().settings, user_agent=LINE_APP)
    inside = Phone(context, server, Look(), judged)
    inside.opens(server.entry)
    inside.reads("LINEの中で開いています")
    context.close()


def test_agreeing_to_all_is_shown_as_a_memo(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    goes_out(nurse, patient)
    memo = phone.page.locator(".kz-memo").inner_text()
    assert memo.count(AGREE) == 4
    assert memo.count("同意しない") == 1


# --- the whole way, counted on the practice reception Web of another origin --------------------------------------------

ALONE = 17
"""Taps on the official page without us, from its menu to its end, with five answers; the phone changes hands twice."""


def out_there(phone: Phone, *, declines: tuple[str, ...] = ()) -> OfficialTab:
    """Open the official page from ours, register there, and close it."""
    with phone.context.expect_page() as opened:
        phone.taps_on(phone.find("link", "公式のページを開く"))
    tab = OfficialTab(opened.value)
    tab.page.wait_for_load_state()
    tab.registers("練習花子", declines=declines)
    tab.closes()
    return tab


def begins(nurse: Nurse) -> int:
    """Press はじめる; return the taps before."""
    nurse.opens_the_entry()
    before = nurse.phone.taps
    nurse.phone.presses("はじめる")
    return before


def ends_the_full_way(nurse: Nurse) -> None:
    nurse.phone.follows("もどってきたら、ここ")
    nurse.phone.presses(DONE)
    nurse.is_at("おつかれさまでした")


def test_the_short_way_costs_few_taps_more_than_the_official_page_alone(nurse: Nurse, phone: Phone) -> None:
    phone.judges = False  # what happens in the other tab
    before = begins(nurse)
    nurse.goes_the_short_way()
    phone.follows("患者さまに説明を見せる")
    phone.follows("説明がすんだ")
    tab = out_there(phone)
    phone.follows("公式の画面に出たことを知らせる")
    phone.presses(DONE)
    nurse.is_at("おつかれさまでした")
    assert (tab.taps, tab.hand_overs) == (ALONE, 2)
    explained = phone.taps - before + tab.taps
    assert explained <= 24
    assert explained - len(("説明を見せる", "説明がすんだ")) <= 22


def test_the_full_way_registers_there_what_was_chosen_here(
    nurse: Nurse, patient: Patient, phone: Phone, reception: Reception
) -> None:
    phone.judges = False
    before = begins(nurse)
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_each(but=("手術の情報", "限度額の情報"))
    patient.looks_at_the_choices()
    patient.confirms(Nurse.receives)
    patient.hands_the_phone_to(nurse)
    tab = out_there(phone, declines=("手術情報", "限度額情報"))
    ends_the_full_way(nurse)
    assert phone.taps - before + tab.taps <= 32
    ((person, made), *_) = reception.world.system.registrations_of(PRACTICE_STATION.code)
    assert person.id == "hanako"
    refused = {each.item for each in made.consents if not each.agreed}
    assert refused == {"surgery", "limit_amount"}


def test_agreeing_to_all_costs_four_taps_less(nurse: Nurse, patient: Patient, phone: Phone) -> None:
    before = begins(nurse)
    nurse.says_first_time(over_40=True)
    nurse.hands_the_phone_to(patient)
    patient.has_everything()
    patient.agrees_to_all()
    patient.looks_at_the_choices()
    patient.confirms(Nurse.receives)
    patient.hands_the_phone_to(nurse)
    opens_the_official_page(phone)
    ends_the_full_way(nurse)
    assert phone.taps - before + ALONE <= 28
