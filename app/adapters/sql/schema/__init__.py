"""The tables, a file for each room.

`event` is the evidence: rows are added and never touched again. `event_body` is the only part of it that may go.
`visit` is where each visit stands, as its events tell. No column holds a patient's name that can be read: `person`
holds it encrypted under a key of its own, and only where a station keeps names.
"""

from app.adapters.sql.schema.base import HEAD, KEYED_SINCE, metadata
from app.adapters.sql.schema.office import (
    account,
    day_word,
    followup,
    invitation,
    member,
    note,
    official,
    passkey,
    planned,
    printed,
    receipt,
    recovery,
    sign_in,
    spent,
    station,
    ticked,
)
from app.adapters.sql.schema.terminal import (
    broken,
    erasure,
    exchange,
    installation,
    person,
    person_consent,
    person_name,
    person_reference,
    quarantine,
    search_key,
    upload,
)
from app.adapters.sql.schema.visit import MAY_EXPIRE, departure, event, event_body, facility, link, submission, visit

__all__ = [
    "HEAD",
    "KEYED_SINCE",
    "MAY_EXPIRE",
    "account",
    "broken",
    "day_word",
    "departure",
    "erasure",
    "event",
    "event_body",
    "exchange",
    "facility",
    "followup",
    "installation",
    "invitation",
    "link",
    "member",
    "metadata",
    "note",
    "official",
    "passkey",
    "person",
    "person_consent",
    "person_name",
    "person_reference",
    "planned",
    "printed",
    "quarantine",
    "receipt",
    "recovery",
    "search_key",
    "sign_in",
    "spent",
    "station",
    "submission",
    "ticked",
    "upload",
    "visit",
]
