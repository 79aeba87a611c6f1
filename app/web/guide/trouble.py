"""The trouble helper: advice by symptom, without a visit, also offline."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response

from app.rules.content.trouble import TROUBLES, Advice
from app.rules.words.dates import day_of
from app.rules.words.digits import Finding, find
from app.rules.words.furigana import plain
from app.web.guide.contacts import ContactPages, Here, TheContacts, ThisStation
from app.web.guide.topics import folded
from app.web.kit.forms import fields
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook

LIST: Final = "/guide/trouble"
_LONGEST: Final = 40
_CODE: Final = re.compile("[0-9]{3}")
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


@router.post(LIST)
async def search(request: Request, contacts: TheContacts, here: ThisStation, look: ThisLook) -> Response:
    """Show the symptoms that match what was typed. No number of 12 digits is looked for, nor shown again."""
    typed = (await fields(request)).get("q", "")[:_LONGEST].strip()
    wanted = "" if find(typed, number_expected=True, limit=_LONGEST) is Finding.MY_NUMBER else typed
    return contacts.answer(request, _list(contacts, here, look.in_japanese(), wanted=wanted, found=_matching(wanted)))


def _matching(wanted: str) -> tuple[Advice, ...]:
    words = folded(wanted).split()
    is_code = any(_CODE.search(word) for word in words)
    return tuple(
        each
        for each in TROUBLES.answers.values()
        if all(word in searched(each) for word in words) or (is_code and each.id == "code")
    )


@lru_cache(maxsize=128)
def searched(answer: Advice) -> str:
    """Return the search text of an answer."""
    return folded(plain(" ".join((answer.row, answer.hint, answer.title, answer.next, *answer.also, answer.words))))


def _list(
    contacts: ContactPages, here: Here, look: Look, *, wanted: str = "", found: tuple[Advice, ...] | None = None
) -> str:
    return contacts.html("guide/trouble.html", here, look, troubles=TROUBLES, wanted=wanted, found=found)


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
