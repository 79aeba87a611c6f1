"""The application's exception handlers, in one table."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.ports.outside import Unavailable
from app.ports.store import ReadOnly
from app.web.bedside.seat import STATION_COOKIE, Bedside, Elsewhere, NoVisit, Refusal
from app.web.copy.pages import CopyClosed, NotNow, NotThere, not_open
from app.web.kit.forms import BadForm
from app.web.kit.guard import TooLarge, too_much
from app.web.kit.problems import BY_STATUS
from app.web.office.desk import Desk, Forbidden, SignedOut

Handler: TypeAlias = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def _problem(request: Request, name: str, **shown: Any) -> Response:
    bedside: Bedside = request.app.state.bedside
    return bedside.problems.answer(request, name, **shown)


def _named(name: str) -> Handler:
    async def answer(request: Request, _: Exception) -> Response:
        return _problem(request, name)

    return answer


async def _no_visit(request: Request, _: NoVisit) -> Response:
    bedside: Bedside = request.app.state.bedside
    if request.method == "GET" and await bedside.late(request):
        return bedside.go(request, "/visit/late")
    facility = await bedside.store.facility(request.cookies.get(STATION_COOKIE, ""))
    answer = _problem(request, "no_visit", **({"facility": facility} if facility else {}))
    bedside.forget(answer)
    return answer


async def _refusal(request: Request, error: Refusal) -> Response:
    return _problem(request, error.problem, **error.shown)


async def _status(request: Request, error: HTTPException) -> Response:
    return _problem(request, BY_STATUS.get(error.status_code, "broken"))


async def _too_large(request: Request, _: TooLarge) -> Response:
    return _problem(request, too_much(request.scope))


async def _hung_up(_request: Request, _: ClientDisconnect) -> Response:
    return Response(status_code=400)  # the client disconnected within the body: no page would reach it


async def _signed_out(request: Request, _: SignedOut) -> Response:
    desk: Desk = request.app.state.desk
    return desk.to_sign_in(request)


async def _elsewhere(request: Request, error: Elsewhere) -> Response:
    bedside: Bedside = request.app.state.bedside
    return bedside.go(request, error.address)


EXPLAINED: Final[dict[int | type[Exception], Handler]] = {
    ClientDisconnect: _hung_up,
    SignedOut: _signed_out,
    Forbidden: _named("forbidden"),
    NoVisit: _no_visit,
    Elsewhere: _elsewhere,
    Refusal: _refusal,
    CopyClosed: not_open,
    NotNow: not_open,
    NotThere: not_open,
    HTTPException: _status,
    TooLarge: _too_large,
    BadForm: _named("bad_form"),
    Unavailable: _named("unavailable"),
    ReadOnly: _named("read_only"),
    Exception: _named("broken"),
}
"""The handler of each exception."""
