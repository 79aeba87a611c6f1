"""All routes, those of the bedside first: a request is compared with one after the other."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Route

from app.web import pwa, watch
from app.web.bedside import day_list, entry, late, other_browser, returning, visit
from app.web.bedside.steps import official, result
from app.web.copy import pages as copy
from app.web.guide import reading, ready, topics, trouble
from app.web.office import (
    accounts,
    consent_list,
    copies,
    files,
    guide,
    home,
    links,
    memo,
    person,
    prints,
    restored,
    signin,
    worklist,
)
from app.web.office import day_list as office_day_list

_ROOMS: Final = (
    *(entry, result, official, late, visit, other_browser, day_list, returning, copy),
    *(pwa, trouble, ready, topics, reading, watch),
    *(signin, accounts, home, memo, worklist, copies, office_day_list, files, consent_list, person),
    *(links, prints, guide, restored),
)


def _answers_head(route: BaseRoute) -> BaseRoute:
    """Let a route answer HEAD wherever it answers GET, as monitors expect."""
    if isinstance(route, Route) and route.methods and "GET" in route.methods:
        route.methods.add("HEAD")
    return route


ROUTES: Final = tuple(_answers_head(route) for room in _ROOMS for route in room.router.routes)
"""The routers' own routes, shared by all applications of a process.

`include_router` would analyse every signature anew for each: a tenth of a second at the start.
"""
