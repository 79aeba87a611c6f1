"""Triggers: entries are append-only, and a body may be deleted only when a later entry explains it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

# REPLACE deletes the conflicting row without firing a delete trigger unless recursive_triggers is on, a setting of
# the connection. The third trigger does not depend on it and covers every unique column of `event`.
EVENT_TRIGGERS: Final = {
    "event_no_update": """CREATE TRIGGER event_no_update BEFORE UPDATE ON event
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
    "event_no_delete": """CREATE TRIGGER event_no_delete BEFORE DELETE ON event
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
    "event_no_replace": """CREATE TRIGGER event_no_replace BEFORE INSERT ON event
    WHEN EXISTS (SELECT 1 FROM event WHERE facility = new.facility AND seq = new.seq)
      OR EXISTS (SELECT 1 FROM event WHERE event_id = new.event_id)
      OR EXISTS (SELECT 1 FROM event WHERE key = new.key)
    BEGIN SELECT RAISE(ABORT, 'event is append-only'); END""",
}
# A body may be deleted once a later entry of its visit or person says that it is over. A read-only record takes no
# such entry, and an erasure must still be repeated in it.
_EXPLAINED: Final = """EXISTS (SELECT 1 FROM event AS mine JOIN event AS later
        ON later.facility = mine.facility AND later.visit = mine.visit AND later.seq > mine.seq
        WHERE mine.facility = old.facility AND mine.seq = old.seq AND later.type IN ('expired', 'purged', 'erased'))
      OR EXISTS (SELECT 1 FROM quarantine WHERE facility = old.facility AND accepted_at IS NULL)"""
BODY_TRIGGERS: Final = {
    "event_body_no_update": """CREATE TRIGGER event_body_no_update BEFORE UPDATE ON event_body
    BEGIN SELECT RAISE(ABORT, 'event_body is append-only'); END""",
    "event_body_no_delete": f"""CREATE TRIGGER event_body_no_delete BEFORE DELETE ON event_body
    WHEN NOT ({_EXPLAINED})
    BEGIN SELECT RAISE(ABORT, 'the visit of this body is not over'); END""",
    "event_body_no_replace": """CREATE TRIGGER event_body_no_replace BEFORE INSERT ON event_body
    WHEN EXISTS (SELECT 1 FROM event_body WHERE facility = new.facility AND seq = new.seq)
    BEGIN SELECT RAISE(ABORT, 'event_body is append-only'); END""",
}
TRIGGERS: Final = EVENT_TRIGGERS | BODY_TRIGGERS
"""In SQLite: each by its name, with the exact text that the database must have."""

# ALWAYS: also when session_replication_role is replica, in which ordinary triggers do not fire.
EVENT_TRIGGERS_POSTGRESQL: Final = (
    """CREATE FUNCTION event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event
    FOR EACH ROW EXECUTE FUNCTION event_stays()""",
    """CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_stays()""",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_change",
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_truncate",
)
BODY_TRIGGERS_POSTGRESQL: Final = (
    f"""CREATE FUNCTION event_body_stays() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN IF {_EXPLAINED} THEN RETURN old; END IF;
    RAISE EXCEPTION 'the visit of this body is not over' USING ERRCODE = 'integrity_constraint_violation'; END $$""",
    """CREATE TRIGGER event_body_no_update BEFORE UPDATE ON event_body
    FOR EACH ROW EXECUTE FUNCTION event_stays()""",
    """CREATE TRIGGER event_body_no_delete BEFORE DELETE ON event_body
    FOR EACH ROW EXECUTE FUNCTION event_body_stays()""",
    """CREATE TRIGGER event_body_no_truncate BEFORE TRUNCATE ON event_body
    FOR EACH STATEMENT EXECUTE FUNCTION event_stays()""",
    *(
        f"ALTER TABLE event_body ENABLE ALWAYS TRIGGER event_body_no_{what}"
        for what in ("update", "delete", "truncate")
    ),
)

_STAYS, _BODY_STAYS = (
    statements[0].split("$$")[1] for statements in (EVENT_TRIGGERS_POSTGRESQL, BODY_TRIGGERS_POSTGRESQL)
)
TRIGGERS_POSTGRESQL: Final = {
    "event_no_change": _STAYS,
    "event_no_truncate": _STAYS,
    "event_body_no_update": _STAYS,
    "event_body_no_delete": _BODY_STAYS,
    "event_body_no_truncate": _STAYS,
}
"""In PostgreSQL: each by its name, with the text of the function that it calls."""


def guard(connection: Connection, triggers: Mapping[str, str], postgresql: Sequence[str]) -> None:
    """Create the triggers of a table."""
    for statement in triggers.values() if connection.dialect.name == "sqlite" else postgresql:
        connection.exec_driver_sql(statement)
