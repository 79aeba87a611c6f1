"""A peer: the page of choices as an ordinary FastAPI application serves it. `python -m bench.load_peer PORT FOLDER`.

What its documentation shows: annotated dependencies, a session of SQLAlchemy's ORM for each request, templates with
macros, a middleware for headers, a signed token in the form. One language, the same items, about the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final

import uvicorn
from fastapi import Cookie, Depends, FastAPI, HTTPException, Request, Response
from fastapi.templating import Jinja2Templates
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import JSON, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

from app.rules.content import ITEMS
from app.rules.visit.consent import QUESTIONS
from app.rules.words.furigana import plain

SESSION: Final = "peer"
_TEMPLATES: Final = Jinja2Templates(Path(__file__).parent / "peer")
_SIGNER: Final = URLSafeTimedSerializer("a key of the bench", salt="form")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_ITEMS: Final = [
    {
        "id": item.id,
        "name": plain(item.name),
        "sentence": plain(item.wording.sentence),
        "answers": [(plain(asked), plain(told)) for asked, told in zip(QUESTIONS, item.wording.answers, strict=True)],
    }
    for item in ITEMS
]


class Base(DeclarativeBase):
    """The tables."""


class Visit(Base):
    """One visit, found by its session."""

    __tablename__ = "visit"
    session: Mapped[str] = mapped_column(primary_key=True)
    answers: Mapped[dict[str, Any]] = mapped_column(JSON)


async def _database(request: Request) -> AsyncIterator[Session]:
    with request.app.state.sessions() as session:
        yield session


async def _visit(database: Annotated[Session, Depends(_database)], visit: Annotated[str, Cookie()]) -> Visit:
    found = database.get(Visit, visit)
    if found is None:
        raise HTTPException(410)
    return found


async def _look(look: Annotated[str, Cookie()] = "m") -> dict[str, str]:
    return {"size": look}


app = FastAPI()


@app.middleware("http")
async def headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Add the headers that every page has."""
    response = await call_next(request)
    response.headers.update(_HEADERS)
    return response


@app.get("/visit/consent")
async def consent(
    request: Request, visit: Annotated[Visit, Depends(_visit)], look: Annotated[dict[str, str], Depends(_look)]
) -> Response:
    """Show the page of choices."""
    given = visit.answers.get("consent", {})
    shown = {"items": _ITEMS, "given": given, "token": _SIGNER.dumps(visit.session), "look": look, "wrong": {}}
    return _TEMPLATES.TemplateResponse(request, "consent.html", shown)


def peer(folder: Path) -> FastAPI:
    """Return the application, with one visit."""
    engine = create_engine(f"sqlite:///{folder}/peer.db")
    Base.metadata.create_all(engine)
    app.state.sessions = sessionmaker(engine)
    with app.state.sessions.begin() as session:
        session.add(Visit(session=SESSION, answers={"ready": {"ready": "all"}}))
    return app


if __name__ == "__main__":
    uvicorn.run(
        peer(Path(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
    )
