"""The guard: headers on every route and status, foreign and oversized submissions, limits; and a page for each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route
from structlog.testing import capture_logs

from app.adapters.sql.database import Database, migrate
from app.adapters.sql.store import SqlStore
from app.cli.seed import seed_practice
from app.main import STATIC, Kazasu, create_app
from app.ports.outside import Unavailable
from app.settings import Settings
from app.web.kit.assets import Assets
from app.web.kit.guard import DRAINS, FILES, MAX_BODY
from app.web.kit.problems import PROBLEMS
from tests.web.bedside.nurse import BROWSER, ORIGIN, Nurse, StillClock, must_be_guarded
from tests.web.bedside.page import Page

ROUTES = Path(__file__).parent / "routes.txt"


def routes(kazasu: Kazasu) -> list[tuple[str, str]]:
    """Return (method, path) of every route, the practice world's own beside."""
    return sorted(
        (method, route.path)
        for route in kazasu.web.routes
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    )


async def test_addresses_are_a_snapshot(kazasu: Kazasu) -> None:
    mounts = [("*", route.path) for route in kazasu.web.routes if isinstance(route, Mount)]
    found = "\n".join(f"{method} {path}" for method, path in [*routes(kazasu), *mounts]) + "\n"
    assert ROUTES.read_text(encoding="utf-8") == found


def filled(path: str, nurse: Nurse) -> str:
    """Return an address for a route's path."""
    return path.replace("{token}", nurse.token).replace("{path:path}", "nothing.css")


@pytest.mark.threat("T12")
async def test_every_route_and_every_wrong_method_carries_the_headers(nurse: Nurse, kazasu: Kazasu) -> None:
    await nurse.starts()
    statuses = set()
    for _, path in routes(kazasu):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            answer = await nurse.http.request(method, filled(path, nurse), headers=BROWSER)
            must_be_guarded(answer)
            statuses.add(answer.status_code)
            if "text/html" in answer.headers.get("content-type", ""):
                page = Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)
                assert page.complaints() == [], (method, path)
    assert {200, 303, 404, 405, 422} <= statuses


@pytest.mark.parametrize(
    "address", ["/nothing", "/visit/nothing", "/f/unknown", "/f/zzzzzzzzzzzz", "/docs", "/openapi.json"]
)
async def test_unknown_addresses_get_one_calm_page(nurse: Nurse, address: str) -> None:
    page = await nurse.get(address, expect=404)
    assert page.h1 == "このページは見つかりません"


async def test_few_bodies_are_read_only_to_be_thrown_away(kazasu: Kazasu) -> None:
    headers = [(b"host", b"127.0.0.1:8000"), (b"origin", ORIGIN.encode()), (b"content-length", b"40000000")]
    scope = {"type": "http", "method": "POST", "path": FILES, "raw_path": b"", "query_string": b"", "headers": headers}
    ends, answered = asyncio.Event(), asyncio.Queue[int]()

    async def endless() -> dict[str, Any]:
        await ends.wait()
        return {"type": "http.disconnect"}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answered.put_nowait(message["status"])

    sent = [asyncio.ensure_future(kazasu.asgi(dict(scope), endless, send)) for _ in range(DRAINS + 1)]
    assert await asyncio.wait_for(answered.get(), 5) == 413
    assert answered.empty()
    ends.set()
    await asyncio.gather(*sent)
    assert answered.qsize() == DRAINS


class Broken(SqlStore):
    """A store that forgets no draft, because of something nobody thought of; it notes what is asked of it besides."""

    asked = asyncio.Event()

    async def expire(self, before: int) -> int:
        """Break."""
        raise RuntimeError("T-0001")

    async def purge(self, now: int) -> int:
        """Note that others are forgotten all the same."""
        self.asked.set()
        return await super().purge(now)


async def test_one_sweep_that_breaks_keeps_no_other_from_forgetting(tmp_path: Path, clock: StillClock) -> None:
    settings = Settings(data=tmp_path)
    migrate(settings.database)
    store = Broken(Database(settings.database), clock)
    joined = create_app(settings, store=store, clock=clock)
    came, said = asyncio.Queue[dict[str, Any]](), asyncio.Queue[Any]()
    came.put_nowait({"type": "lifespan.startup"})
    with capture_logs() as lines:
        living = asyncio.ensure_future(joined.asgi({"type": "lifespan"}, came.get, said.put))
        await asyncio.wait_for(store.asked.wait(), 5)
        came.put_nowait({"type": "lifespan.shutdown"})
        await living
    (line,) = [each for each in lines if each["event"] == "sweep_broken"]
    assert line["error_type"] == "RuntimeError"
    assert "T-0001" not in str(lines)


@pytest.mark.threat("T08")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": ORIGIN},
        {"Sec-Fetch-Site": "none"},
        {"Origin": ORIGIN + ".evil.example"},
    ],
)
async def test_a_submission_from_elsewhere_is_refused(nurse: Nurse, headers: dict[str, str]) -> None:
    page = await nurse.starts()
    held = {**page.form_fields("/visit/need"), "over_40": "yes", "intent": "first"}
    page = await nurse.send("/visit/need", held, headers=headers, expect=403)
    assert "受け取れませんでした" in page.text


@pytest.mark.threat("T08")
async def test_a_wrong_form_token_is_refused(nurse: Nurse) -> None:
    page = await nurse.starts()
    held = {**page.form_fields("/visit/need"), "over_40": "yes", "intent": "first", "token": "0" * 32}
    await nurse.send("/visit/need", held, expect=403)


@pytest.mark.parametrize("length", [MAX_BODY + 1, 10 * MAX_BODY])
async def test_a_body_too_large_is_refused_with_and_without_its_length(nurse: Nurse, length: int) -> None:
    await nurse.starts()
    page = await nurse.send("/visit/need", {"reference": "x" * length}, expect=413)
    assert "大きすぎます" in page.text

    async def dripping() -> AsyncIterator[bytes]:
        for _ in range(length // 1000 + 1):
            yield b"x" * 1000

    headers = {**BROWSER, "content-type": "application/x-www-form-urlencoded"}
    answer = await nurse.http.post("/visit/need", content=dripping(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("application/x-www-form-urlencoded", b"version=1&version=2&key=k"),
        ("application/x-www-form-urlencoded", b"version=%EF%BC%91&key=k"),
        ("application/x-www-form-urlencoded", b"version=-1&key=k"),
        ("application/x-www-form-urlencoded", b"key=%FF%FE&version=1"),
        ("application/x-www-form-urlencoded", "key=日本".encode()),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(60))),
        ("application/x-www-form-urlencoded", b""),
    ],
)
async def test_what_is_not_a_form_of_ours_gets_a_clear_page(nurse: Nurse, content_type: str, body: bytes) -> None:
    await nurse.starts()
    answer = await nurse.http.post("/visit/need", content=body, headers={**BROWSER, "content-type": content_type})
    page = Page(answer.status_code, dict(answer.headers), answer.text, "/visit/need")
    assert (page.status, page.complaints()) == (422, [])
    assert "何も保存していません" in page.text


async def test_too_many_submissions_are_asked_to_wait(tmp_path: Path, clock: StillClock) -> None:
    settings = Settings(data=tmp_path, starts_per_minute=3, posts_per_minute=5)
    kazasu = create_app(settings, clock=clock)
    await seed_practice(kazasu.store, clock)
    async with Nurse(kazasu) as nurse:
        for _ in range(3):
            await nurse.starts()
        await nurse.get(f"/f/{nurse.token}")
        page = await nurse.send(f"/f/{nurse.token}", {"start": "1"}, expect=429)
        assert "待って" in page.text
        assert page.headers["retry-after"] == "60"
    await kazasu.store.close()


async def test_a_lost_database_is_a_clear_page_and_a_503(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await nurse.starts()
    held = {**page.form_fields("/visit/need"), "over_40": "yes", "intent": "first"}

    async def full(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(kazasu.store, "write", full)
    page = await nurse.send("/visit/need", held, expect=503)
    assert "まだ保存されていません" in page.text


@pytest.mark.threat("T13")
async def test_an_unforeseen_error_is_a_page_and_its_message_is_nowhere(
    nurse: Nurse, kazasu: Kazasu, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    await nurse.starts()

    async def breaks(*_: object) -> None:
        message = "練習 花子 123456789018"
        raise RuntimeError(message)

    monkeypatch.setattr(kazasu.store, "bedside", breaks)
    page = await nurse.get("/visit/need", expect=500)
    out = capfd.readouterr()
    assert "花子" not in page.source + out.out + out.err


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_says_what_happened_and_has_a_way_on(name: str) -> None:
    problem = PROBLEMS[name]
    assert problem.says.endswith("。")
    assert problem.on.startswith("/")
    assert problem.on_label


async def test_on_plain_http_another_host_is_led_to_the_right_one(nurse: Nurse) -> None:
    answer = await nurse.http.get("http://localhost:8000/start")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{ORIGIN}/start"


@pytest.mark.parametrize(
    "name", ["app.css", "entry.css", "office/office.css", "print/print.css", "practice/practice.css"]
)
def test_a_style_sheet_goes_out_without_its_comments_and_whole(name: str) -> None:
    written = (STATIC / name).read_text(encoding="utf-8")
    served = Assets(STATIC)[name].content.decode()
    assert "/*" not in served
    assert [served.count(mark) for mark in "{};"] == [
        re.sub(r"/\*.*?\*/", "", written, flags=re.DOTALL).count(m) for m in "{};"
    ]
    assert served.count("{") == served.count("}") > 0
