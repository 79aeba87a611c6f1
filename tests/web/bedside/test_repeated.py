"""What a bad line does: the same submission twice, later than its successors, or cut in the middle."""

from __future__ import annotations

from time import time_ns
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.main import Kazasu
from app.ports.store import Change, Written
from app.rules.visit.flow import STEPS, path
from tests.rules.visits import a_visit
from tests.web.bedside.nurse import BROWSER, Nurse


@pytest.mark.threat("T19")
async def test_a_report_whose_answer_was_lost_is_taken_once(officially: Nurse) -> None:
    await officially.confirmed()
    await officially.press("/visit/hand-over")
    page = await officially.get("/visit/result")
    form = {**page.form_fields("/visit/result"), "report": "done"}
    first = await officially.send("/visit/result", form)
    second = await officially.send("/visit/result", form)
    assert first.path == second.path == "/visit/done"
    other = await officially.send("/visit/result", {**form, "report": "stopped"}, expect=409)
    assert "同じ画面から二度" in other.text


@pytest.mark.threat("T25")
async def test_the_patient_reports_nothing_in_the_nurses_place(officially: Nurse) -> None:
    page = await officially.confirmed()
    held = {**page.form_fields("/visit/hand-over"), "report": "done"}
    entry = await officially.get(f"/f/{officially.token}")
    assert "何と出ましたか" not in entry.text
    refused = await officially.send("/visit/result", held)
    assert refused.path == "/visit/hand-over"
    await officially.get("/visit/hand-over")
    await officially.press("/visit/hand-over")
    assert "何と出ましたか" in (await officially.get(f"/f/{officially.token}")).text


async def test_who_takes_a_visit_up_elsewhere_takes_up_its_language(officially: Nurse) -> None:
    await officially.needs()
    await officially.press("/visit/look", language="ko")
    await officially.reaches("consent")
    await officially.press("/visit/consent", **officially._all(over_40=True))
    await officially.press("/visit/check", confirmed="yes")
    page = await officially.press("/visit/hand-over")
    (code,) = [each.text for each in page.root.all("p") if "kz-letters" in each.attrs.get("class", "")]
    async with Nurse(officially.kazasu, officially.origin) as other:
        await other.get(f"/f/{other.token}/continue")
        page = await other.press(f"/f/{other.token}/continue", letters=code)
        assert (page.path, page.root.all("html")[0].attrs["lang"]) == ("/visit/handoff", "ja"), "staff hold it"
        assert (await other.get("/visit/check")).path == "/visit/hand-over"
        page = await other.press("/visit/hand-over")
        assert (page.path, page.root.all("html")[0].attrs["lang"]) == ("/visit/check", "ko"), "the patient reads on"
        await other.get("/visit/handoff")
        await other.press("/visit/hand-over")
        await other.get("/visit/result")
        page = await other.press("/visit/result", report="done")
        assert "동의함" in page.text, "the copy speaks it"
        assert {"ko"} <= {each.attrs.get("lang") for each in page.root.all("section")}


@pytest.mark.threat("T25")
async def test_nothing_of_the_office_opens_in_the_patients_hands(nurse: Nurse) -> None:
    await nurse.starts()
    assert (await nurse.get("/office")).path == "/office/sign-in"
    await nurse.needs()
    await nurse.press("/visit/hand-over")
    for address in ("/office", "/office/sign-in", "/office/guide"):
        answer = await nurse.http.get(address)
        assert answer.headers["location"] == "/visit/hand-over", address


async def test_a_hand_over_whose_answer_was_lost_leads_to_the_same_page(nurse: Nurse) -> None:
    await nurse.confirmed()
    page = await nurse.get("/visit/another-way")
    form = page.form_fields("/visit/hand-over")
    first = await nurse.send("/visit/hand-over", form)
    second = await nurse.send("/visit/hand-over", form)
    assert first.path == second.path == "/visit/another-way"


async def test_a_body_that_ends_half_way_is_nobodys_error(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.is_ready()
    cookies = "; ".join(f"{name}={value}" for name, value in nurse.http.cookies.items())
    given = {
        "content-type": "application/x-www-form-urlencoded",
        "cookie": cookies,
        "host": "127.0.0.1:8000",
        **BROWSER,
    }
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/visit/consent",
        "raw_path": b"/visit/consent",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    coming = iter([{"type": "http.request", "body": b"visit=", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(coming)

    async def send(_: Any) -> None:
        return None

    with capture_logs() as logged:
        await kazasu.asgi(scope, receive, send)
    assert [line for line in logged if line["log_level"] == "error"] == []


@pytest.mark.threat("T19")
@pytest.mark.parametrize("steady", [{}, {"Kazasu-Steady": "1"}], ids=["plain", "script"])
@pytest.mark.parametrize("ready", ["all", "missing", ""])
async def test_taking_the_phone_twice_is_taking_it_once(nurse: Nurse, ready: str, steady: dict[str, str]) -> None:
    page = await nurse.needs()
    form = {**page.form_fields("/visit/hand-over"), **({"ready": ready} if ready else {})}
    answers = [await nurse.http.post("/visit/hand-over", data=form, headers={**BROWSER, **steady}) for _ in range(2)]
    led = [each.headers.get("location") or each.headers.get("kazasu-next") for each in answers]
    steps = path(a_visit())
    after = steps[steps.index(STEPS["ready"]) + 1].id
    assert led[0] == led[1] == f"/visit/{ {'all': after, 'missing': 'another-way', '': 'ready'}[ready] }"


async def test_a_tap_meant_for_the_page_before_stops_nothing(nurse: Nurse) -> None:
    page = await nurse.needs()
    form = {**page.form_fields("/visit/another-way"), "made": str(time_ns() // 1_000_000), "reason": "stopped"}
    answer = await nurse.http.post("/visit/another-way", data=form, headers=BROWSER)
    assert answer.headers["location"].startswith("/visit/hand-over")
    assert not (await nurse.visit()).is_stopped


async def test_who_takes_a_short_visit_up_elsewhere_goes_on_there(officially: Nurse) -> None:
    await officially.needs(intent="short")
    page = await officially.reaches("official")
    letters = page.text.rpartition("使えます。")[2].split()[:2]
    async with Nurse(officially.kazasu, officially.origin) as other:
        await other.get(f"/f/{officially.token}/continue")
        page = await other.press(f"/f/{officially.token}/continue", letters="".join(letters))
        assert page.path == "/visit/official"


async def test_a_draft_that_is_written_in_between_makes_no_answer_an_older_one(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = (await nurse.starts()).form_fields("/visit/need")
    chosen, write = {"over_40": "yes", "intent": "first"}, kazasu.store.write

    async def late(change: Change) -> Written:
        monkeypatch.setattr(kazasu.store, "write", write)
        draft = {**form, "key": "a key of the draft's own", "draft": "1", "over_40": "yes"}
        assert (await nurse.http.post("/visit/need", data=draft, headers=BROWSER)).status_code == 204
        return await write(change)

    monkeypatch.setattr(kazasu.store, "write", late)
    answer = await nurse.http.post("/visit/need", data={**form, **chosen}, headers=BROWSER)
    assert answer.status_code == 303
    assert (await nurse.visit()).intent == "first"
