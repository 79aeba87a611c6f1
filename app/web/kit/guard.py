"""Middleware before every route: security headers, limits of body size and rate, CSRF check, access log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.log import AccessLog, place_of
from app.web.kit.limits import RateLimit, RateWindow, network_of
from app.web.watch import Tally

MAX_BODY: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """A route for signed-in users with a larger body than a form: most bytes, and the problem page beyond that.

    Up to `drained` bytes of a too large body are read and discarded before the answer: a browser that is still
    sending would show a broken connection instead of the page.
    """

    most: int
    problem: str
    drained: int = 0


PICTURES: Final = "/office/links/official/picture"
MAX_PICTURE: Final = 8 * 1024 * 1024
FILES: Final = "/office/files"
MAX_FILE: Final = 33 * 1024 * 1024
"""A file of 32 MiB, and 1 MiB for the rest of the form."""
LARGER: Final = {
    PICTURES: BodyLimit(MAX_PICTURE, "picture_too_large"),
    FILES: BodyLimit(MAX_FILE, "file_too_large", drained=512 * 1024 * 1024),
}
DRAINS: Final = 4
"""Bodies that are drained at one time; with more of them, the others get a broken connection."""
_FORM: Final = BodyLimit(MAX_BODY, "too_large")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_MINUTE: Final = 60.0
_FOR_MACHINES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_LONGEST_LENGTH: Final = 16
_PERMISSIONS: Final = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

Problem: TypeAlias = Callable[[Request, str], Response]
log = structlog.get_logger()


def policy(entry_sheet_hash: str) -> str:
    """Return the Content-Security-Policy: nothing inline but the one sheet of the entry page, by its hash."""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self' {entry_sheet_hash}; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; manifest-src 'self'; worker-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


class TooLarge(Exception):
    """A body is larger than its route accepts."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        origin: str,
        csp: str,
        problem: Problem,
        starts_per_minute: int,
        posts_per_minute: int,
        tally: Tally,
    ) -> None:
        self._app = app
        self._origin = origin
        self._problem = problem
        headers = {
            "Content-Security-Policy": csp,
            "Referrer-Policy": "same-origin",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": _PERMISSIONS,
        }
        if origin.startswith("https://"):
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        headers["Cache-Control"] = "no-store"
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self._access, self._tally = AccessLog(), tally
        self._starts = RateWindow(RateLimit(starts_per_minute, _MINUTE))
        self._posts = RateWindow(RateLimit(posts_per_minute, _MINUTE))
        self._draining = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a problem page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            self._access.write_out()  # the server is ending
            return
        outgoing = _Outgoing(scope, send, self._headers, self._access, self._tally)
        if self._is_elsewhere(scope):
            await RedirectResponse(self._origin + scope["path"])(scope, receive, outgoing)
            return
        try:
            refused = self._refused(scope)
            answer = self._app if refused is None else self._problem(Request(scope), refused)
            if refused == too_much(scope):
                await self._drain(receive, _body_limit(scope).drained)
            await answer(scope, _limited(scope, receive), outgoing)
        except TooLarge:
            if not outgoing.started:
                await self._problem(Request(scope), too_much(scope))(scope, receive, outgoing)
        except Exception as error:  # noqa: BLE001 - the last handler; messages may hold input, so only type and place
            log.error("broken", error_type=type(error).__name__, error_at=place_of(error))  # noqa: TRY400
            if not outgoing.started:
                await self._problem(Request(scope), "broken")(scope, receive, outgoing)
        finally:
            outgoing.log()

    async def _drain(self, receive: Receive, most: int) -> None:
        """Read and discard a body, up to `most` bytes; not while `DRAINS` others are drained."""
        if self._draining >= DRAINS:
            return
        self._draining += 1
        try:
            while most > 0:
                message = await receive()
                most -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
        finally:
            self._draining -= 1

    def _is_elsewhere(self, scope: Scope) -> bool:
        """Whether practice (plain http) was opened under another name of this machine, for which the cookies differ."""
        if scope["method"] != "GET" or self._origin.startswith("https://") or scope["path"] in _FOR_MACHINES:
            return False
        return Headers(scope=scope).get("host", "") != self._origin.removeprefix("http://")

    def _refused(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        # No address or cookie of ours holds a NUL, and not every database accepts one in a query.
        if "\0" in scope["path"] or b"%00" in scope["query_string"] or "\\000" in headers.get("cookie", ""):
            return "not_found"
        if scope["method"] in _SAFE:
            return None
        if not self._is_ours(headers):
            return "foreign"
        if not self._has_room(scope):
            return "too_many"
        limit = _body_limit(scope)
        return limit.problem if int(_ascii_number(headers.get("content-length", "0"))) > limit.most else None

    def _is_ours(self, headers: Headers) -> bool:
        """CSRF check: Sec-Fetch-Site is `same-origin` if sent, Origin is ours if sent, and one of them is sent."""
        site = headers.get("sec-fetch-site")
        source = headers.get("origin")
        if site is not None and site != "same-origin":
            return False
        return site == "same-origin" if source is None else source == self._origin

    def _has_room(self, scope: Scope) -> bool:
        window = self._starts if scope["path"].startswith("/f/") else self._posts
        return window.has_room(network_of(scope), time.monotonic())


def _template(scope: Scope) -> str:
    """Return the route of a request with its parameters as names: `/f/{token}`."""
    if "endpoint" not in scope:
        return "-"
    path = str(scope["path"])
    for name, value in scope.get("path_params", {}).items():
        path = path.replace(str(value), f"{{{name}}}")
    return path


def too_much(scope: Scope) -> str:
    """Return the problem page of a body that is too large for this route."""
    return _body_limit(scope).problem


def _body_limit(scope: Scope) -> BodyLimit:
    return LARGER.get(scope["path"], _FORM) if scope["method"] not in _SAFE else _FORM


def _ascii_number(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < _LONGEST_LENGTH else str(MAX_FILE + 1)


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Count the received bytes, since Content-Length may be false or missing; raises `TooLarge`."""
    if scope["method"] in _SAFE:
        return receive
    taken, most = 0, _body_limit(scope).most

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise TooLarge
        return message

    return counted


class _Outgoing:
    """Adds the security headers to an answer and logs one line about it, with ids and outcomes only."""

    def __init__(
        self, scope: Scope, send: Send, headers: list[tuple[bytes, bytes]], access: AccessLog, tally: Tally
    ) -> None:
        self._access, self._tally = access, tally
        self._scope = scope
        self._send = send
        self._headers = headers
        self._began = time.perf_counter()
        self._status = 0
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self._status = message["status"]
            own = {name for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(each for each in self._headers if each[0] not in own)]
        await self._send(message)

    def log(self) -> None:
        """Log and count the request by its route's template, never by its path."""
        method, route, took = self._scope["method"], _template(self._scope), time.perf_counter() - self._began
        self._access.note(method=method, route=route, status=self._status, ms=round(took * 1000, 1))
        self._tally.count(method, route, self._status, took)
