"""The application's exception handlers, in one table."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from app.ports.outside import Unavailable
from app.ports.store import ReadOnly
from app.web.bedside.seat import Bedside, NoVisit, Refusal
from app.web.kit.forms import BadForm
from app.web.kit.guard import TooLarge, too_much
from app.web.kit.problems import BY_STATUS
from app.web.office.desk import Desk, Forbidden, SignedOut

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


def explained(bedside: Bedside, desk: Desk) -> dict[int | type[Exception], Handler]:
    """Return the handler of each status and exception."""
    problems = bedside.problems

    async def no_visit(request: Request, _: Exception) -> Response:
        answer = problems.answer(request, "no_visit")
        bedside.forget(answer)
        return answer

    async def refusal(request: Request, error: Exception) -> Response:
        return problems.answer(request, error.problem if isinstance(error, Refusal) else "broken")

    async def status(request: Request, error: Exception) -> Response:
        code = error.status_code if isinstance(error, HTTPException) else 500
        return problems.answer(request, BY_STATUS.get(code, "broken"))

    def named(name: str) -> Handler:
        async def answer(request: Request, _: Exception) -> Response:
            return problems.answer(request, name)

        return answer

    async def too_large(request: Request, _: Exception) -> Response:
        return problems.answer(request, too_much(request.scope))

    async def hung_up(_request: Request, _: Exception) -> Response:
        return Response(status_code=400)  # the client disconnected within the body: no page would reach it

    async def signed_out(request: Request, _: Exception) -> Response:
        return desk.to_sign_in(request)

    return {
        ClientDisconnect: hung_up,
        SignedOut: signed_out,
        Forbidden: named("forbidden"),
        NoVisit: no_visit,
        Refusal: refusal,
        HTTPException: status,
        TooLarge: too_large,
        BadForm: named("bad_form"),
        Unavailable: named("unavailable"),
        ReadOnly: named("read_only"),
        Exception: named("broken"),
    }
