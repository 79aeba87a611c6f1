"""A gateway adapter on a line of which every request is kept."""

from __future__ import annotations

import httpx

from app.adapters.gateway import HttpGateway
from tests.practice.world import API_KEY, ORIGIN

BASE = f"{ORIGIN}/practice/eligibility"


class Line:
    """A gateway whose requests are counted on their way."""

    def __init__(self, transport: httpx.AsyncBaseTransport, *, attempts: int = 3) -> None:
        self.calls: list[httpx.Request] = []

        async def counted(request: httpx.Request) -> httpx.Response:
            self.calls.append(request)
            return await transport.handle_async_request(request)

        self.gateway = HttpGateway(
            base=BASE,
            api_key=API_KEY,
            http=lambda: httpx.AsyncClient(transport=httpx.MockTransport(counted)),
            deadline=2.0,
            attempts=attempts,
            pause=0.001,
        )


def saying(*answers: httpx.Response | Exception) -> Line:
    """A system that gives these answers one after the other; the last one for ever."""
    left = list(answers)

    def answer(_: httpx.Request) -> httpx.Response:
        now = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(now, Exception):
            raise now
        return now

    return Line(httpx.MockTransport(answer))
