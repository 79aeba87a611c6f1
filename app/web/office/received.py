"""Parses a form with a file: in memory, never on disk, with the CSRF check of every other form."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser

from app.web.kit.forms import BadForm
from app.web.office.desk import Caller

_FORM: Final = "multipart/form-data"


class _InMemory(MultiPartParser):
    """Spools no file to disk, however large: one that names people would be there in clear."""

    spool_max_size = 1 << 40


async def received(caller: Caller, field: str) -> tuple[str, bytes]:
    """Return the name and content of the one file in a form, both empty without one; raise `BadForm`."""
    if not caller.request.headers.get("content-type", "").startswith(_FORM):
        raise BadForm
    parser = _InMemory(caller.request.headers, caller.request.stream(), max_files=1, max_fields=3)
    try:
        form = await parser.parse()
    except (MultiPartException, HTTPException, LookupError, UnicodeError) as error:
        raise BadForm from error
    try:
        sent = {name: value for name, value in form.items() if isinstance(value, str)}
        caller.desk.check(caller.request, sent, caller.who)
        file = form.get(field)
        return (file.filename or "", await file.read()) if isinstance(file, UploadFile) else ("", b"")
    finally:
        await form.close()
