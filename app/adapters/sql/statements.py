"""Every statement of the store, built once at import: building one costs more than running it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)

from app.adapters.sql.compiled import Direct
from app.adapters.sql.schema.office import copy, followup, station
from app.adapters.sql.schema.terminal import broken, erasure, person, quarantine, upload
from app.adapters.sql.schema.visit import MAY_EXPIRE, departure, event, event_body, facility, link, submission, visit
from app.rules.record.event import EventType
from app.rules.record.retention import OVER_TYPES
from app.rules.station.station import StationProfile
from app.rules.terminal.exchange import Stage
from app.rules.visit.journey import LATE

BATCH: Final = 100
"""Rows per transaction of retention, which bounds how long a submission waits for it."""
PAGE: Final = 200
"""Entries that `export` reads at a time."""
HISTORY_AT_MOST: Final = 100
"""Entries that a history shows."""

# --- a submitted step ---------------------------------------------------------------------------------------

_last = select(event).where(event.c.facility == facility.c.id).order_by(event.c.seq.desc()).limit(1)
_known = func.coalesce(
    select(submission.c.fingerprint).where(submission.c.key == bindparam("key")).scalar_subquery(),
    select(literal("")).where(event.c.key == bindparam("key")).scalar_subquery(),
)
_read_only = select(literal(1).label("read_only")).where(quarantine.c.accepted_at.is_(None))
IS_BROKEN = (
    select(literal(1))
    .where(broken.c.facility == bindparam("facility"), broken.c.subject == bindparam("visit"))
    .scalar_subquery()
    .label("broken")
)
"""Whether a check found that a visit differs from its record: it takes no writes."""
FOUND = Direct(
    select(
        visit.c.version,
        visit.c.session,
        visit.c.handed_off_at,
        _known.label("fingerprint"),
        _last.with_only_columns(event.c.seq).scalar_subquery().label("size"),
        _last.with_only_columns(event.c.hash).scalar_subquery().label("hash"),
        func.coalesce(_read_only.where(quarantine.c.facility == facility.c.id).scalar_subquery(), IS_BROKEN).label(
            "read_only"
        ),
    )
    .select_from(facility.outerjoin(visit, visit.c.id == bindparam("visit")))
    .where(facility.c.id == bindparam("facility"))
)
"""All that decides about a change in one query: visit, earlier use of the key, head, and whether it is read-only."""
HELD = Direct(_read_only.where(quarantine.c.facility == bindparam("facility")))

CHANGING: Final = (
    "version",
    "state",
    "touched_at",
    "handed_off_at",
    "ended",
    "departure",
    "reference",
    "subject",
    "body",
)
"""The columns of a visit that every change sets."""
_change = update(visit).where(visit.c.id == bindparam("which"))

ADD_VISIT = Direct(insert(visit))
CHANGE_VISIT = Direct(_change.values({name: bindparam(name) for name in CHANGING}))
CHANGE_SESSION = Direct(_change.values({"session": bindparam("session")}))
"""Apart from CHANGE_VISIT: setting an indexed column rewrites its index, even if the value stays."""
CHANGE_CROSSING = Direct(_change.values({"crossing": bindparam("crossing")}))
ADD_SUBMISSION = Direct(insert(submission))
ADD_EVENT = Direct(insert(event))
ADD_BODY = Direct(insert(event_body))
ISSUE = Direct(insert(departure))
REACH_THE_OFFICE = Direct(
    insert(followup).values(visit=bindparam("visit"), facility=bindparam("facility"), at=bindparam("at"))
)
SETTLED = Direct(
    select(visit, followup.c.closed)
    .join_from(followup, visit)
    .where(followup.c.visit == bindparam("which"), followup.c.settled == 1)
)
OPEN_AGAIN = (
    update(followup).where(followup.c.visit == bindparam("which")).values(settled=0, closed=None, at=bindparam("since"))
)
SPEND = Direct(
    update(departure)
    .where(
        departure.c.id == bindparam("which"),
        departure.c.visit == bindparam("of_visit"),
        departure.c.session == bindparam("of_session"),
        departure.c.spent_at.is_(None),
        departure.c.issued_at >= bindparam("earliest"),
    )
    .values(spent_at=bindparam("now"), nonce="", verifier="")
)

# --- reading ------------------------------------------------------------------------------------------------

BEDSIDE = Direct(
    select(visit, *(each.label(f"station_{each.name}") for each in facility.c))
    .join_from(visit, facility)
    .where(visit.c.session == bindparam("session"))
)
VISIT = select(visit).where(visit.c.id == bindparam("visit"))
ACROSS = select(visit).where(visit.c.crossing == bindparam("crossing"), visit.c.session.is_not(None))
DEPARTURE = select(departure).where(departure.c.id == bindparam("departure"))
HEAD = (
    select(event.c.seq.label("size"), event.c.hash)
    .where(event.c.facility == bindparam("facility"))
    .order_by(event.c.seq.desc())
    .limit(1)
)
END = HEAD.add_columns(event.c.at)
EXPORT = (
    select(event, event_body.c.nonce, event_body.c.body)
    .outerjoin_from(event, event_body)
    .where(event.c.facility == bindparam("facility"), event.c.seq > bindparam("after"))
    .order_by(event.c.seq)
    .limit(PAGE)
)

HISTORY = (
    select(event, event_body.c.nonce, event_body.c.body)
    .outerjoin_from(event, event_body)
    .where(event.c.facility == bindparam("facility"), event.c.visit == bindparam("of"))
    .order_by(event.c.seq.desc())
    .limit(HISTORY_AT_MOST)
)
"""The entries of one visit or person, newest first."""

# --- retention ----------------------------------------------------------------------------------------------

_before = bindparam("before", type_=BigInteger)
_lately = _before, _before + 3600
"""Later times are over, too: a wrong clock wrote them, and they would last that much longer."""
_due = (
    select(visit.c.id, visit.c.facility, visit.c.handed_off_at)
    # A record that is read-only takes no mark; its visits wait.
    .where(MAY_EXPIRE, ~_read_only.where(quarantine.c.facility == visit.c.facility).exists())
    .where(~exists().where(broken.c.facility == visit.c.facility, broken.c.subject == visit.c.id))
    .order_by(visit.c.touched_at)
    .limit(BATCH)
)
_is_over = or_(visit.c.handed_off_at.is_(None), visit.c.touched_at < _before - LATE)
DUE = _due.where(visit.c.touched_at < _before, _is_over)
"""What went out keeps its session until no report is taken any more."""
AHEAD = _due.where(visit.c.touched_at > _lately[1])
_theirs: BindParameter[list[str]] = bindparam("visits", expanding=True)
FORGET_BODIES = delete(event_body).where(
    tuple_(event_body.c.facility, event_body.c.seq).in_(
        # Entries that say that a visit is over keep their body.
        select(event.c.facility, event.c.seq).where(
            event.c.visit.in_(_theirs), *(event.c.type != each.value for each in OVER_TYPES)
        )
    )
)
FORGET_VISITS = delete(visit).where(visit.c.id.in_(_theirs))
FORGET_SESSIONS = update(visit).where(visit.c.id.in_(_theirs)).values(session=None, subject="", crossing=None)
FORGET_SUBMISSIONS = delete(submission).where(submission.c.visit.in_(_theirs))
FORGET_OLD_SUBMISSIONS = delete(submission).where(~submission.c.at.between(_before, _before + 49 * 3600))
FORGET_OLD_DEPARTURES = delete(departure).where(~departure.c.issued_at.between(*_lately))

_days = func.coalesce(station.c.retention_days, StationProfile("").retention_days)
KEPT_FOR = (
    select(facility.c.id, _days.label("days"))
    .outerjoin_from(facility, station)
    .where(~_read_only.where(quarantine.c.facility == facility.c.id).exists())
    .order_by(facility.c.id)
)
"""For how many days each station keeps what is settled; not those whose record is read-only."""
_opens = (
    select(literal(1))
    .where(copy.c.visit == followup.c.visit, copy.c.called_back_at.is_(None))
    .where(copy.c.made_at > bindparam("copied"))
    .exists()
)
"""A copy of the visit that still opens."""
_is_said = event.c.type != EventType.LEFT.value, event.c.type != EventType.ENDED.value
OVER = (
    select(followup.c.visit)
    .where(followup.c.facility == bindparam("facility"), followup.c.settled == 1, followup.c.at < bindparam("before"))
    # Nor may there be a later entry: the time in the row alone may have been moved back.
    .where(~exists().where(event.c.visit == followup.c.visit, event.c.at > bindparam("before"), *_is_said))
    .where(~_opens, ~exists().where(broken.c.facility == followup.c.facility, broken.c.subject == followup.c.visit))
    .order_by(followup.c.at)
    .limit(BATCH)
)
_still_kept = (
    select(literal(1))
    .where(followup.c.facility == person.c.facility, followup.c.person == person.c.id)
    .where(or_(followup.c.settled == 0, followup.c.at >= bindparam("before"), _opens))
)
"""A matched visit whose retention is not over: erasing the person would delete it."""
_under_way = select(literal(1)).where(upload.c.facility == bindparam("facility"), upload.c.stage != Stage.TAKEN.value)
"""A file that is not taken yet: it may contain the overdue person, and an erasure would delete it."""
OVERDUE = (
    select(person.c.id)
    .where(person.c.facility == bindparam("facility"), person.c.seen_at < bindparam("before"))
    .where(~_still_kept.exists(), ~_under_way.exists())
    .order_by(person.c.seen_at)
    .limit(BATCH)
)
ERASED = select(erasure).where(erasure.c.at >= bindparam("since"))

# --- stations -----------------------------------------------------------------------------------------------

LINK = select(link).where(link.c.token == bindparam("token"))
LIVE_LINK = select(link).where(link.c.facility == bindparam("facility"), link.c.replaced_at.is_(None))
FACILITY = select(facility).where(facility.c.id == bindparam("facility"))
FACILITIES = select(facility).order_by(facility.c.id)
ADD_FACILITY = insert(facility)
ADD_LINK = insert(link)
