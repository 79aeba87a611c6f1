"""The trouble helper: advice by symptom, without a visit, also offline."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response

from app.rules.content.trouble import TROUBLES, Advice
from app.rules.visit.journey import TEXT_PROBLEMS
from app.rules.words.dates import day_of
from app.rules.words.digits import Finding, find
from app.rules.words.furigana import RUBY, plain
from app.rules.words.search import LONGEST, READING, folded, is_found
from app.web.guide.contacts import ContactPages, Here, TheContacts, ThisStation
from app.web.kit.forms import fields
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook

LIST: Final = "/guide/trouble"
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
    """Show the symptoms that match what was typed. What looks like a PIN or a My Number is neither used nor shown."""
    wanted = (await fields(request)).get("q", "").strip()
    finding = find(wanted, number_expected=False, limit=LONGEST)
    refused = TEXT_PROBLEMS[finding] if finding in {Finding.MY_NUMBER, Finding.PIN} else ""
    wanted = "" if refused else wanted[:LONGEST]
    found = _matching(wanted) if wanted else None
    return contacts.answer(
        request, _list(contacts, here, look.in_japanese(), wanted=wanted, found=found, refused=refused)
    )


def _matching(wanted: str) -> tuple[Advice, ...]:
    is_code = _CODE.search(folded(wanted)) is not None
    return tuple(
        each
        for each in TROUBLES.answers.values()
        if is_found(wanted, searched(each)) or (is_code and each.id == "code")
    )


@lru_cache(maxsize=128)
def searched(answer: Advice) -> str:
    """Return the search text of an answer."""
    told = " ".join((answer.row, answer.hint, answer.title, answer.next, *answer.also, answer.words))
    return folded(f"{plain(told)} {RUBY.sub(READING, told)}")


def _list(contacts: ContactPages, here: Here, look: Look, **values: Any) -> str:
    shown = {"wanted": "", "found": None, "refused": "", **values}
    return contacts.html("guide/trouble.html", here, look, troubles=TROUBLES, **shown)


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
