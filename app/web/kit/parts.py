"""What routes are given: the parts that `main.py` put into the application's state."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request

from app.ports.consent_list import ConsentList
from app.ports.office import Copies, DayLists, Office, Worklist
from app.ports.outside import Clock
from app.ports.store import Ledger, Store
from app.web.kit.limits import RateLimits
from app.web.kit.pages import Look, Pages


class Part:
    """A dependency: one part of the application's state, by name."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, request: Request) -> Any:
        """Return the part."""
        return getattr(request.app.state, self._name)


async def _look(request: Request) -> Look:
    return Look.of(request)


ThisLook: TypeAlias = Annotated[Look, Depends(_look)]
"""The look that the request's cookie asks for."""
TheClock: TypeAlias = Annotated[Clock, Depends(Part("clock"))]
TheConsents: TypeAlias = Annotated[ConsentList, Depends(Part("consents"))]
TheCopies: TypeAlias = Annotated[Copies, Depends(Part("copies"))]
TheDayLists: TypeAlias = Annotated[DayLists, Depends(Part("day_lists"))]
TheLedger: TypeAlias = Annotated[Ledger, Depends(Part("ledger"))]
TheLimits: TypeAlias = Annotated[RateLimits, Depends(Part("limits"))]
TheOffice: TypeAlias = Annotated[Office, Depends(Part("office"))]
ThePages: TypeAlias = Annotated[Pages, Depends(Part("pages"))]
TheStore: TypeAlias = Annotated[Store, Depends(Part("store"))]
TheWorklist: TypeAlias = Annotated[Worklist, Depends(Part("worklist"))]
