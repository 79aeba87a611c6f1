"""The guide: dated pages about the station's own equipment and work, shaped by what the station has."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Final

from fastapi import APIRouter, Request, Response

from app.rules.content import NAMES
from app.rules.content.guide import GUIDE, Topic
from app.rules.content.ready import READY
from app.rules.words.dates import day_of
from app.rules.words.furigana import N_, RUBY, plain
from app.rules.words.search import LONGEST, READING, folded, is_found
from app.web.guide.contacts import ContactPages, Here, TheContacts, ThisStation
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook
from app.web.kit.problems import Problem

_MISSING: Final = Problem(
    404,
    N_("このページは手引きにありません"),
    N_("題が変わったか、住所（URL）がちがいます。手引きの一覧から探してください。"),
    on="/guide",
    on_label=N_("手引きの一覧へ"),
)
FILES: Final = ("contrast.css", "guide/help.css", "guide/help.js", "guide/guide.css", "guide/guide.js")
"""Static files that the pages need offline, beside those of every page."""
router = APIRouter()


@router.get("/guide")
async def index(request: Request, contacts: TheContacts, here: ThisStation, look: ThisLook, q: str = "") -> Response:
    """Show every topic, or those that match the search."""
    return contacts.answer(request, _index(contacts, here, look.in_japanese(), q[:LONGEST].strip()))


def _index(contacts: ContactPages, here: Here, look: Look, wanted: str = "") -> str:
    found = [topic for topic in GUIDE.topics.values() if is_found(wanted, searched(topic))]
    return contacts.html(
        "guide/index.html",
        here,
        look,
        guide=GUIDE,
        found=found,
        wanted=wanted,
        text_of=searched,
        ready=is_found(wanted, searched_ready()),
        ready_text=searched_ready(),
    )


@router.get("/guide/{topic}")
async def show(request: Request, contacts: TheContacts, here: ThisStation, look: ThisLook, topic: str) -> Response:
    """Show one topic."""
    found = GUIDE.topics.get(topic)
    if found is None:
        return contacts.pages.respond(
            request, "kit/problem.html", look=look.in_japanese(), status=_MISSING.status, problem=_MISSING
        )
    return contacts.answer(request, await _topic(found, contacts, here, look.in_japanese()))


async def _topic(topic: Topic, contacts: ContactPages, here: Here, look: Look) -> str:
    notes = await contacts.office.notes(here.facility.id) if here.facility else {}
    return contacts.html(
        "guide/topic.html",
        here,
        look,
        guide=GUIDE,
        topic=topic,
        note=notes.get(topic.id),
        desks=contacts.desks(here) if topic.desks else (),
        days_left=_days_left(here, contacts.clock.now()) if topic.id == "certificate" else None,
        is_overdue=day_of(contacts.clock.now()) > GUIDE.review_by,
    )


def _days_left(here: Here, now: int) -> int | None:
    """Return how many days the terminal's certificate still holds, where the station says until when."""
    ends = here.station.certificate_ends if here.station else ""
    return (date.fromisoformat(ends) - day_of(now)).days if ends else None


async def kept(request: Request, contacts: ContactPages) -> dict[str, str]:
    """Return every page, for the offline cache."""
    here, look = await contacts.here(request), Look()
    topics = {f"/guide/{name}": await _topic(topic, contacts, here, look) for name, topic in GUIDE.topics.items()}
    return {"/guide": _index(contacts, here, look), **topics}


@lru_cache(maxsize=64)
def searched(topic: Topic) -> str:
    """Return the search text of a topic."""
    rows = (row.text for part in topic.parts for row in part.rows)
    cells = (cell for part in topic.parts for line in part.cells for cell in line)
    titles = (part.title for part in topic.parts)
    told = " ".join((topic.title, topic.lead, topic.for_whom, topic.words, *titles, *rows, *cells))
    return folded(told.replace("%(app)s", NAMES.app_with_former))


@lru_cache(maxsize=1)
def searched_ready() -> str:
    """Return the search text of the readiness check, which is no topic but is searched for here."""
    asked = " ".join(f"{row.title} {row.text}" for row in READY.rows)
    told = f"{{出|で}}かける{{前|まえ}}の{{確認|かくにん}} {{出発|しゅっぱつ}} {{準備|じゅんび}} {asked}"
    return folded(f"{plain(told)} {RUBY.sub(READING, told)}".replace("%(app)s", NAMES.app_with_former))
