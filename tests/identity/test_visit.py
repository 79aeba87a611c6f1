"""A whole visit on the identity route: who tapped is proven, and no page says that anything is registered."""

from __future__ import annotations

import pytest

from app.main import PRACTICE_STATION
from app.practice.people import load_people
from app.rules.record.event import EventType
from app.rules.visit.visit import Registration
from tests.identity.patient import AT, CLIENT, OFFICIAL, RETURN, Bedside
from tests.practice.world import answer_in

HANAKO = load_people()[0]
SAYS = "登録は、これからです"


async def recorded(bedside: Bedside) -> list[str]:
    """What the station's record holds, in order."""
    return [logged.entry.type async for logged in bedside.kazasu.store.export(PRACTICE_STATION.id)]


async def test_it_works(bedside: Bedside) -> None:
    await bedside.enters_the_official_address()
    await bedside.confirmed(surgery="decline")
    page = await bedside.comes_back()
    assert (page.path, page.h1) == ("/visit/result", "資格確認")
    visit = await bedside.visit()
    assert visit.registration is Registration.PROVEN
    assert visit.subject == HANAKO.subject(CLIENT)
    assert visit.answers["consent"]["surgery"] == "decline"
    assert (await recorded(bedside))[-3:] == [EventType.RETURNED, EventType.IDENTIFIED, EventType.PHONE_PASSED]
    page = await bedside.press("/visit/result", report="done")
    assert page.h1 == "おつかれさまでした"
    assert "登録したと申告されました" in page.text
    page = await bedside.press("/visit/end")
    assert page.path.startswith("/f/")
    assert "__Host-visit" not in bedside.http.cookies


async def test_the_page_says_what_is_proven_and_what_is_not(bedside: Bedside) -> None:
    await bedside.enters_the_official_address()
    await bedside.confirmed()
    page = await bedside.comes_back()
    for says in (
        f"本人確認ができました。{SAYS}",
        "カードと暗証番号を使える人が、いまカードをかざしました。お名前は、ここには届きません。",
        "分からないこと 同意が登録されたか。この画面では、登録していません。",
        "もう一度えらび、もう一度カードをかざします",
        "登録の申告は、まだです",
        "事業所での確認は、まだです",
    ):
        assert says in page.text
    assert page.link("公式のページを開く") == OFFICIAL
    for never in ("登録完了", "登録しました", "登録されました", "申告されました", "資格システム"):
        assert never not in page.text
    assert HANAKO.name not in page.source


async def test_the_official_page_may_be_unknown(bedside: Bedside) -> None:
    await bedside.confirmed()
    page = await bedside.comes_back()
    assert "公式のURLが、まだ入っていません" in page.text
    assert "公式のページを開く" not in page.text
    await bedside.press("/visit/result", report="later")
    assert "登録されたかは、まだ分かりません" in (await bedside.get("/visit/done")).text


async def test_what_goes_out_is_what_was_registered_and_nothing_of_the_visit(bedside: Bedside) -> None:
    await bedside.confirmed()
    asked, departure = answer_in(bedside.out), await bedside.departure()
    assert asked["scope"] == "openid"
    assert asked["redirect_uri"] == RETURN
    assert asked["client_id"] == CLIENT
    assert asked["nonce"] == departure.nonce
    assert 43 <= len(departure.verifier) <= 128
    assert all(0 < len(asked[name]) <= 255 and asked[name].isascii() for name in ("state", "nonce"))
    for kept in (departure.verifier, bedside.http.cookies["__Host-visit"], "agree", "surgery", PRACTICE_STATION.code):
        assert kept not in bedside.out


@pytest.mark.threat("T06")
async def test_nobody_is_sent_anywhere_and_a_link_tells_nothing(bedside: Bedside) -> None:
    page = await bedside.confirmed()
    (link,) = (each for each in page.root.all("a") if each.attrs["href"].startswith(AT))
    assert "noreferrer" in link.attrs["rel"]
    evil = "https://elsewhere.example/"
    for name in ("redirect_uri", "next", "to", "return", "error_uri"):
        answer = await bedside.http.get("/return", params={name: evil, "state": bedside.state})
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        assert evil not in answer.text


async def test_a_second_way_out_shares_nothing_with_the_first(bedside: Bedside) -> None:
    await bedside.confirmed()
    first = answer_in(bedside.out)
    await bedside.get(await bedside.presses_in_the_app("練習　花子", "やめる", "サービスにもどる"))
    second = answer_in(bedside.out)
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]


async def test_come_back_by_hand_nothing_is_proven(bedside: Bedside) -> None:
    await bedside.confirmed()
    await bedside.get("/return")
    await bedside.press("/visit/handoff", outcome="by_hand")
    page = await bedside.press("/visit/hand-over")
    assert "本人確認の結果は、届いていません" in page.text
    assert "この画面では、登録していません" in page.text
    assert SAYS not in page.text
    await bedside.press("/visit/result", report="answered", expect=422)


async def test_changed_after_the_card_the_choices_need_the_card_again(bedside: Bedside) -> None:
    await bedside.confirmed()
    await bedside.comes_back()
    await bedside.get("/visit/consent")
    page = await bedside.press("/visit/hand-over")
    await bedside.press("/visit/consent", **{**page.checked(), "surgery": "decline"})
    visit = await bedside.visit()
    assert (visit.registration, visit.subject) == (Registration.NONE, "")


async def test_there_is_no_practice_world_here(bedside: Bedside) -> None:
    assert bedside.kazasu.practice is None
    await bedside.get("/practice/", expect=404)
    page = await bedside.get(f"/f/{bedside.token}")
    assert "練習" not in page.text
