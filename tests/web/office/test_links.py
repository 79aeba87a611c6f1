"""Links with a life: what may come in, what is kept of it, and what a replaced one does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine, text

from app.main import PRACTICE_STATION, Kazasu
from app.rules.station.station import Address, WrongUrl, official_address
from app.tokens import Sealed
from app.web.kit.qr_codes import code
from app.web.office.links import WRONG
from bench.addresses import GOOD, HERE, crafted, is_safe
from tests.rules.visits import NOW
from tests.web.bedside.nurse import StillClock
from tests.web.office.clerk import Clerk, everything
from tests.web.office.test_doors import OTHER, another_station

URL = "https://uketsuke.example.go.jp/houmon/start?k=Zx81kQ"


async def takes_in(admin: Clerk, url: str, *, expect: int = 200) -> None:
    await admin.get("/office/links")
    await admin.press("/office/links/official", address=url, expect=expect)


async def keeps(admin: Clerk, url: str = URL) -> None:
    await takes_in(admin, url)
    await admin.press("/office/links/official/confirm")


async def checks(kazasu: Kazasu) -> dict[str, list[int | None]]:
    """Return when each revision was checked, the newest first."""
    links = await kazasu.desk.office.links(PRACTICE_STATION.id)
    officials = await kazasu.desk.office.officials(PRACTICE_STATION.id)
    return {"entry": [each.checked_at for each in links], "official": [each.checked_at for each in officials]}


async def kept(kazasu: Kazasu) -> list[str]:
    found = await kazasu.desk.office.officials(PRACTICE_STATION.id, limit=1000)
    return [kazasu.desk.sealer.open(Sealed.ADDRESS, each.sealed) for each in found]


async def test_an_address_comes_in_and_its_host_is_confirmed(kazasu: Kazasu, admin: Clerk) -> None:
    await takes_in(admin, URL)
    assert admin.page is not None
    host = next(each for each in admin.page.root.all("p") if each.attrs.get("class") == "kz-host")
    assert host.text == "uketsuke.example.go.jp"
    assert await kept(kazasu) == []
    page = await admin.press("/office/links/official/confirm")
    assert "刷り直さなくて大丈夫です" in page.text
    assert await kept(kazasu) == [URL]


async def test_the_address_is_masked_on_every_page_and_sealed_at_rest(
    kazasu: Kazasu, admin: Clerk, capsys: pytest.CaptureFixture[str]
) -> None:
    await keeps(admin)
    for path in ("/office", "/office/links", "/office/prints", "/office/checklist/monthly", "/office/station"):
        page = await admin.get(path)
        assert "Zx81kQ" not in page.source
        assert "houmon/start" not in page.source
    dump = everything(kazasu)
    assert "Zx81kQ" not in dump
    assert "houmon/start" not in dump
    assert "Zx81kQ" not in capsys.readouterr().out


async def test_a_new_official_address_needs_no_reprint_of_ours(kazasu: Kazasu, admin: Clerk) -> None:
    await keeps(admin)
    await admin.get("/office/prints")
    await admin.press("/office/prints/entry/poster", copies="2")
    await admin.get("/office/prints")
    await admin.press("/office/prints/official/poster", copies="1")
    await keeps(admin, URL + "2")
    dead = await kazasu.desk.office.prints(PRACTICE_STATION.id, only="dead")
    assert [each.which for each, _ in dead] == ["official"]
    page = await admin.get("/office/links")
    assert "第2版" in page.text


async def test_somebody_else_cannot_use_what_was_offered(kazasu: Kazasu, admin: Clerk) -> None:
    await another_station(kazasu)
    await takes_in(admin, URL)
    assert admin.page is not None
    sent = admin.page.form_fields("/office/links/official/confirm")
    me = (await kazasu.desk.office.account("sakura")) or pytest.fail("no account")
    await kazasu.desk.office.add_member(me.id, OTHER.id, (await kazasu.desk.office.people(OTHER.id))[0].role)
    await admin.get("/office")
    await admin.press("/office/switch", facility=OTHER.id)
    await admin.send("/office/links/official/confirm", sent, expect=403)
    there = kazasu.signer.form(f"{admin.http.cookies['office']}\0{OTHER.id}")
    await admin.send("/office/links/official/confirm", {**sent, "token": there}, expect=422)
    assert await kazasu.desk.office.officials(OTHER.id) == ()


@pytest.mark.parametrize("change", [{"host": "other.example"}, {"offered": "x"}, {"host": ""}], ids=str)
async def test_a_host_that_was_not_confirmed_is_not_kept(kazasu: Kazasu, admin: Clerk, change: dict[str, Any]) -> None:
    await takes_in(admin, URL)
    await admin.press("/office/links/official/confirm", expect=422, **change)
    assert await kept(kazasu) == []


async def test_an_offer_grows_old(kazasu: Kazasu, admin: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    await takes_in(admin, URL)
    later = time.time() + 15 * 60 + 1
    monkeypatch.setattr(time, "time", lambda: later)
    await admin.press("/office/links/official/confirm", expect=422)
    assert await kept(kazasu) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://uketsuke.example.go.jp/", "https:// で始まっていません"),
        ("マイナ在宅受付", "URL（https:// で始まる住所）ではありません"),
        ("https://play.google.com/store/apps/details?id=jp.go.cas.mpa", "アプリをダウンロードするための住所"),
        ("https://localhost:8000/f/{entry}", "「かざすの入口」で、公式のURLではありません"),
        ("https://localhost:8000/f/{other}", "ほかの事業所の「かざすの入口」です"),
        ("https://192.0.2.7/", "ホスト"),
        ("https://uketsuke.example.go.jp/" + "a" * 300, "長すぎて"),
        ("https://uketsuke.example.go.jp/あ", "使えない文字"),
        ("", "URLが入っていません"),
    ],
)
async def test_what_is_not_the_official_address_is_explained(
    kazasu: Kazasu, admin: Clerk, text: str, says: str
) -> None:
    theirs = await another_station(kazasu)
    ours = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert ours is not None
    await takes_in(admin, text.replace("{entry}", ours.token).replace("{other}", theirs["token"]), expect=422)
    assert admin.page is not None
    assert says in admin.page.text
    assert await kept(kazasu) == []


# --- ten thousand crafted addresses -------------------------------------------------------------------------------


@pytest.mark.threat("T05")
def test_ten_thousand_crafted_addresses_yield_none_that_misleads() -> None:
    tried = crafted(10_000, 20261122)
    found = [official_address(each, our_host=HERE) for each in tried]
    taken = [each for each in found if isinstance(each, Address)]
    assert len(tried) == 10_000
    assert taken  # some are honest
    assert [each for each in taken if not is_safe(each) or each.host == HERE] == []


def test_a_careless_reader_would_be_noticed() -> None:
    careless = [Address(each.strip(), urlsplit(each).hostname or "") for each in crafted(2_000, 1) if "[" not in each]
    assert any(not is_safe(each) for each in careless)


async def test_what_is_crafted_is_never_kept(kazasu: Kazasu, admin: Clerk) -> None:
    token = admin.token()
    for each in crafted(300, 7):
        answer = await admin.http.post("/office/links/official", data={"token": token, "address": each})
        assert answer.status_code in {200, 422}
        assert "location" not in answer.headers
    assert await kept(kazasu) == []


@pytest.mark.parametrize("text", ["https://a.bc/", "https://xn--wgv71a119e.example/", GOOD, GOOD + "?k=1#x"])
def test_honest_addresses_come_through_byte_for_byte(text: str) -> None:
    found = official_address(f" {text}\n", our_host=HERE)
    assert isinstance(found, Address)
    assert found.text == text


@pytest.mark.parametrize("wrong", list(WrongUrl))
def test_every_way_of_being_wrong_has_its_words(wrong: WrongUrl) -> None:
    assert wrong is WrongUrl.OURS or WRONG[wrong]


# --- pictures -----------------------------------------------------------------------------------------------------


async def sends_picture(admin: Clerk, content: bytes, *, expect: int = 200) -> None:
    await admin.get("/office/links")
    assert admin.page is not None
    held = admin.page.form_fields("/office/links/official/picture")
    await admin.send("/office/links/official/picture", held, files={"picture": ("code.png", content)}, expect=expect)


async def test_a_picture_of_the_code_is_enough(kazasu: Kazasu, admin: Clerk) -> None:
    await sends_picture(admin, code(URL).png(4))
    await admin.press("/office/links/official/confirm")
    assert await kept(kazasu) == [URL]


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "画像として読めません"), (b"GIF89a", "画像として読めません"), (b"%PDF-1.7", "画像として読めません")],
)
async def test_what_is_no_picture_is_explained(admin: Clerk, content: bytes, says: str) -> None:
    await sends_picture(admin, content, expect=422)
    assert admin.page is not None
    assert says in admin.page.text


async def test_a_picture_from_elsewhere_is_refused(admin: Clerk) -> None:
    files = {"picture": ("code.png", code(URL).png(4))}
    await admin.send("/office/links/official/picture", {"token": "x"}, files=files, expect=403)


async def test_a_picture_that_is_too_large_is_refused(admin: Clerk, kazasu: Kazasu) -> None:
    token = admin.token()
    files = {"picture": ("code.png", b"\x89PNG" + b"x" * (8 * 1024 * 1024))}
    await admin.send("/office/links/official/picture", {"token": token}, files=files, expect=413)


# --- our own link is replaced -------------------------------------------------------------------------------------


async def replaces(admin: Clerk) -> None:
    await admin.get("/office/links/replace")
    await admin.press("/office/links/replace", understood="yes")


@pytest.mark.threat("T04")
async def test_it_asks_first_and_says_what_stops(kazasu: Kazasu, admin: Clerk) -> None:
    await admin.get("/office/prints")
    await admin.press("/office/prints/entry/card", copies="5")
    page = await admin.get("/office/links/replace")
    assert "訪問バッグのカード 5枚" in page.text
    before = await kazasu.store.live_link(PRACTICE_STATION.id)
    await admin.press("/office/links/replace", expect=422)
    assert await kazasu.store.live_link(PRACTICE_STATION.id) == before


async def test_the_reprint_list_says_what_to_take_down(admin: Clerk) -> None:
    await admin.get("/office/prints")
    await admin.press("/office/prints/entry/card", copies="5")
    await replaces(admin)
    assert admin.page is not None
    assert admin.page.path == "/office/prints"
    assert "5枚" in admin.page.text
    page = await admin.press("/office/prints/replaced")
    assert "差し替えるものは、ありません" in page.text


async def test_two_who_replace_at_once_replace_once(kazasu: Kazasu, admin: Clerk, browser: Callable[[], Clerk]) -> None:
    await admin.get("/office/links/replace")
    assert admin.page is not None
    sent = {**admin.page.form_fields("/office/links/replace"), "understood": "yes"}
    await admin.send("/office/links/replace", sent)
    await admin.send("/office/links/replace", sent, expect=409)
    live = await kazasu.store.live_link(PRACTICE_STATION.id)
    assert live is not None
    assert live.revision == 2


@pytest.mark.slow
@pytest.mark.threat("T19")
@pytest.mark.parametrize("which", ["entry", "official"])
async def test_a_check_counts_for_the_revision_that_was_shown(
    kazasu: Kazasu, admin: Clerk, staff: Clerk, which: str
) -> None:
    await keeps(admin)
    nth = ["entry", "official"].index(which)
    await staff.get("/office/links")
    await keeps(admin, f"{URL}2")
    await admin.get("/office/links/replace")
    await admin.press("/office/links/replace", understood="yes")
    page = await staff.press("/office/links/checked", nth=nth, expect=409)
    assert "ほかの人が新しくしました" in page.text
    assert await checks(kazasu) == {"entry": [None, None], "official": [None, None]}
    page = await staff.press("/office/links/checked", nth=nth)
    assert "確かめた日を残しました" in page.text
    assert (await checks(kazasu))[which] == [NOW, None]


async def test_a_hundred_replacements_and_every_old_code_starts_nothing(
    kazasu: Kazasu, admin: Clerk, clerk: Clerk, clock: StillClock
) -> None:
    old: list[str] = []
    took, live_one = list[float](), ""
    for _ in range(100):
        live = await kazasu.store.live_link(PRACTICE_STATION.id)
        assert live is not None
        began = time.perf_counter()
        await replaces(admin)
        new = await kazasu.store.live_link(PRACTICE_STATION.id)
        assert new is not None
        page = await clerk.get(f"/f/{new.token}")
        took.append(time.perf_counter() - began)
        assert "ひなた坂" in page.text
        old.append(live.token)
        live_one = new.token
    assert sorted(took)[90] < 1.0  # of a machine that does other things beside it, a few are late
    assert len(set(old)) == 100
    for token in old:
        page = await clerk.get(f"/f/{token}", expect=410)
        assert "03-0000-0000" in page.source
        await clerk.send(f"/f/{token}", {"start": "1"}, expect=410)
        assert "visit" not in clerk.http.cookies
    page = await clerk.send(f"/f/{live_one}", {"start": "1"})
    assert page.path == "/visit/need"
    revisions = await admin.get("/office/links")
    assert "第101版" in revisions.text
    assert "もっと前を見る" in revisions.text


# --- speed and size -----------------------------------------------------------------------------------------------

PAGES = (
    "/office",
    "/office/links",
    "/office/prints",
    "/office/prints?only=dead",
    "/office/accounts",
    "/office/links/replace",
)


@pytest.mark.slow
async def test_no_page_grows_heavy_or_slow_with_two_thousand_revisions(
    admin: Clerk, tmp_path: Path, database_url: str
) -> None:
    engine = create_engine(database_url or f"sqlite:///{tmp_path / 'kazasu.db'}")
    station = PRACTICE_STATION.id
    with engine.begin() as database:
        rows = [{"n": n, "at": 1_700_000_000 + n, "f": station} for n in range(2, 2002)]
        database.execute(text("UPDATE link SET replaced_at = issued_at WHERE facility = :f"), {"f": station})
        links = (
            "INSERT INTO link VALUES ('t' || :n, :f, :n, :at, CASE WHEN :n < 2001 THEN :at END, '事務 さくら', NULL)"
        )
        officials = (
            "INSERT INTO official VALUES (:f, :n, 'x', 'uketsuke.example.go.jp', 'abcd', '事務 さくら', :at,"
            " CASE WHEN :n < 2001 THEN :at END, NULL)"
        )
        prints = "INSERT INTO printed VALUES ('p' || :n, :f, 'entry', :n, 'poster', 3, :at, '事務 さくら', NULL)"
        for statement in (links, officials, prints):
            database.execute(text(statement), rows)
    engine.dispose()
    for path in PAGES:
        took = []
        for _ in range(3):
            began = time.perf_counter()
            page = await admin.get(path)
            took.append(time.perf_counter() - began)
        assert min(took) < 0.3, path
        assert len(page.source.encode()) <= 100_000, path
    page = await admin.get("/office/links")
    assert "第2001版" in page.text
    following = await admin.get(page.link("もっと前を見る"))
    assert "第1981版" in following.text


# --- what a second look found ---------------------------------------------------------------------------------------


async def test_the_same_address_again_kills_no_print(kazasu: Kazasu, admin: Clerk) -> None:
    await keeps(admin)
    await keeps(admin)
    assert await kept(kazasu) == [URL]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b"garbage"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n"),
        (
            "multipart/form-data; boundary=b; charset=undefined",
            b'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\nx\r\n--b--\r\n',
        ),
        ("application/x-www-form-urlencoded", b"&".join(b"a=1" for _ in range(9))),
    ],
)
async def test_a_body_that_is_no_form_is_no_fault_of_ours(admin: Clerk, kind: str, content: bytes) -> None:
    answer = await admin.http.post("/office/links/official/picture", content=content, headers={"Content-Type": kind})
    assert answer.status_code in {403, 422}, answer.status_code


async def test_a_picture_that_is_too_large_is_told_so(admin: Clerk) -> None:
    files = {"picture": ("code.png", b"x" * (8 * 1024 * 1024 + 1))}
    page = await admin.send("/office/links/official/picture", {"token": admin.token()}, files=files, expect=413)
    assert "8MBまで" in page.text


async def test_a_live_print_is_not_taken_down(kazasu: Kazasu, admin: Clerk) -> None:
    await admin.get("/office/prints")
    await admin.press("/office/prints/entry/poster", copies="1")
    ((made, _),) = await kazasu.desk.office.prints(PRACTICE_STATION.id)
    await admin.send("/office/prints/replaced", {"token": admin.token(), "printed": made.id})
    await replaces(admin)
    ((again, lives),) = await kazasu.desk.office.prints(PRACTICE_STATION.id, only="dead")
    assert (again.replaced_at, lives) == (None, False)
