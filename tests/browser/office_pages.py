"""Tiny pages with what `static/office/office.js` looks for, served on this machine under the real content policy."""

from __future__ import annotations

import asyncio
import socket
import threading
from html import escape
from pathlib import Path
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.adapters.passkeys import WebAuthnPasskeys
from app.ports.outside import NotProven, Passkey
from app.web.kit.assets import Assets
from app.web.kit.guard import policy

ASSETS: Final = Assets(Path(__file__).parents[2] / "static")
NO_SHEET: Final = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"

PRINT: Final = '<button type="button" data-print hidden>印刷する</button>'
SCAN: Final = f"""
<form method="post" action="/taken">
<input id="address" name="address" autocomplete="off">
<button type="button" data-scan data-target="address" data-decoder="{ASSETS.url("vendor/qr.js")}" hidden>カメラで読む</button>
</form>
<dialog data-scan-view aria-label="カメラ"><video muted playsinline width="320" height="240"></video><button type="button" data-scan-cancel>やめる</button></dialog>
<p data-scan-refused role="alert" hidden>カメラを使えません</p>
"""
FRAGMENT: Final = (
    '<form method="post" action="/taken"><input name="secret" data-fragment><button>つぎへ</button></form>'
)
COPY: Final = """
<p><code id="link"> https://example.jp/f/abc </code>
<button type="button" data-copy="#link" data-copied="コピーしました" hidden>リンクをコピー</button></p>
<p><button type="button" data-copy="K7P-42" data-copied="写しました" hidden>番号をコピー</button></p>
"""
KEPT: Final = """
<main><p>患者の一覧</p><textarea name="note"></textarea><button type="button">保存する</button></main>
<div data-cover hidden><h1 tabindex="-1">しばらく操作がありません</h1>
<form hx-post="/resume" hx-swap="none"><input type="hidden" name="t" value="1"><button>つづける</button></form></div>
"""
ROWS: Final = '<ul><li hx-get="/row" hx-trigger="load" hx-swap="outerHTML">待っています</li></ul>'


def page(*parts: str, root: str = "", htmx: bool = False) -> str:
    """Return a page of these parts, in one order of scripts only: htmx first."""
    library = f'<script src="{ASSETS.url("vendor/htmx.min.js")}" defer></script>' if htmx else ""
    script = f'{library}<script type="module" src="{ASSETS.url("office/office.js")}"></script>'
    head = f'<meta charset="utf-8"><title>事業所</title><link rel="icon" href="data:,">{script}'
    return f'<!doctype html><html lang="ja"{root}><head>{head}</head><body>{"".join(parts)}</body></html>'


def passkey_part(kind: str, options: str) -> str:
    """Return the form that makes (`create`) or proves (`get`) a passkey."""
    return f"""<form method="post" action="/{kind}"><input type="hidden" name="credential">
    <button type="button" data-passkey="{kind}" data-options="{escape(options)}" hidden>パスキーを使う</button></form>
    <p data-passkey-refused role="alert" hidden>パスキーを使えませんでした</p>
    <p data-passkey-known role="alert" hidden>この端末にはもうあります</p>"""


class OfficePages:
    """Serves the pages in a thread of its own, and remembers what was asked and sent."""

    def __init__(self) -> None:
        self._began = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="office pages")
        self._port = socket.create_server(("127.0.0.1", 0))
        self._port.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # passkeys need a name: no browser makes them for a number
        self.origin: Final = f"http://localhost:{self._port.getsockname()[1]}"
        self.passkeys: Final = WebAuthnPasskeys("localhost", "かざす", self.origin)
        self.asked: list[str] = []
        self.sent: list[dict[str, str]] = []
        self.passkey: Passkey | None = None
        self._challenge = b""
        self._pages = {
            "/print": page(PRINT),
            "/print-now": page(PRINT, root=" data-print-now"),
            "/scan": page(SCAN, KEPT, root=' data-idle="600"'),
            "/fragment": page(FRAGMENT),
            "/copy": page(COPY),
            "/kept": page(KEPT, root=' data-idle="600"', htmx=True),
            "/free": page(KEPT),
            "/rows": page(ROWS, htmx=True),
            "/row": f"<li>届きました {COPY}</li>",
        }

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._began.wait(20), "the pages did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(20)

    def forget(self) -> None:
        """Begin anew."""
        self.asked.clear()
        self.sent.clear()
        self.passkey = None

    async def _run(self) -> None:
        routes = [
            *(Route(path, self._show) for path in self._pages),
            Route("/taken", self._take, methods=["POST"]),
            Route("/resume", self._resume, methods=["POST"]),
            Route("/create", self._create, methods=["GET", "POST"]),
            Route("/get", self._get, methods=["GET", "POST"]),
            Route("/static/{path:path}", self._serve),
        ]
        config = uvicorn.Config(Starlette(routes=routes), ws="none", access_log=False, log_level="error")
        self._uvicorn = uvicorn.Server(config)
        asyncio.get_running_loop().call_soon(self._began.set)
        await self._uvicorn.serve(sockets=[self._port])

    async def _serve(self, request: Request) -> Response:
        self.asked.append(request.url.path)
        return ASSETS.answer(request)

    async def _show(self, request: Request) -> Response:
        self.asked.append(str(request.url))
        return _html(self._pages[request.url.path])

    async def _take(self, request: Request) -> Response:
        form = await request.form()
        self.sent.append({name: str(value) for name, value in form.items()})
        return _html(page("<h1>受け取りました</h1>"))

    async def _resume(self, _: Request) -> Response:
        return Response(status_code=204, headers={"HX-Trigger": "kazasu:uncover"})

    async def _create(self, request: Request) -> Response:
        if request.method == "GET":
            known = [self.passkey.id] if self.passkey else []
            options, self._challenge = self.passkeys.options_to_create("account-1", "花子", known)
            return _html(page(passkey_part("create", options)))
        try:
            self.passkey = self.passkeys.created(str((await request.form())["credential"]), self._challenge)
        except NotProven:
            return _html(page("<h1>作れませんでした</h1>"))
        return _html(page("<h1>作りました</h1>"))

    async def _get(self, request: Request) -> Response:
        if request.method == "GET":
            options, self._challenge = self.passkeys.options_to_get()
            return _html(page(passkey_part("get", options)))
        assert self.passkey is not None
        answer = str((await request.form())["credential"])
        try:
            count = self.passkeys.proven(answer, self._challenge, self.passkey)
        except NotProven:
            return _html(page("<h1>確かめられませんでした</h1>"))
        self.passkey = Passkey(self.passkey.id, self.passkey.public_key, count)
        return _html(page("<h1>確かめました</h1>"))


def _html(content: str) -> Response:
    headers = {
        "Content-Security-Policy": policy(NO_SHEET),
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(content, headers=headers)
