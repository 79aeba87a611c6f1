"""The trouble helper: advice by symptom, without a visit, also offline."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from app.rules.content.trouble import TROUBLES, Advice
from app.rules.words.dates import day_of
from app.web.guide.contacts import ContactPages, Here, TheContacts, ThisStation
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook

LIST: Final = "/guide/trouble"
FILES: Final = (
    "app.js",
    "guide/help.css",
    "guide/help.js",
    *sorted({f"pictures/{each.picture}.svg" for each in TROUBLES.answers.values()}),
)
router = APIRouter()


@router.get(LIST)
async def list_all(request: Request, contacts: TheContacts, here: ThisStation, look: ThisLook) -> Response:
    """Show the list of symptoms."""
    return contacts.answer(request, _list(contacts, here, look.in_japanese()))


def _list(contacts: ContactPages, here: Here, look: Look) -> str:
    return contacts.html("guide/trouble.html", here, look, troubles=TROUBLES)


@router.get(f"{LIST}/{{answer}}")
async def show(request: Request, contacts: TheContacts, here: ThisStation, look: ThisLook, answer: str) -> Response:
    """Show one answer."""
    found = TROUBLES.answers.get(answer)
    if found is None:
        raise HTTPException(404)
    return contacts.answer(request, _answer(found, contacts, here, look.in_japanese()))


def _answer(answer: Advice, contacts: ContactPages, here: Here, look: Look) -> str:
    desks = contacts.near(answer.contact, here)
    codes = TROUBLES.codes if answer.id == "code" else ()
    late = day_of(contacts.clock.now()) > TROUBLES.review_by
    return contacts.html("guide/answer.html", here, look, answer=answer, desks=desks, codes=codes, is_overdue=late)


async def kept(request: Request, contacts: ContactPages) -> dict[str, str]:
    """Return every page, for the offline cache."""
    here, look = await contacts.here(request), Look()
    answers = {f"{LIST}/{name}": _answer(each, contacts, here, look) for name, each in TROUBLES.answers.items()}
    return {LIST: _list(contacts, here, look), **answers}
