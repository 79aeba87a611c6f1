"""What can be written into a record: types of events and their bodies. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"
Body: TypeAlias = Mapping[str, Json]


class EventType(StrEnum):
    """Everything that can be written into the record of a visit."""

    OPENED = "opened"
    NEED_ANSWERED = "need_answered"
    READY_ANSWERED = "ready_answered"
    ITEMS_ANSWERED = "items_answered"
    CONFIRMED = "confirmed"
    HANDED_OFF = "handed_off"
    RETURNED = "returned"
    IDENTIFIED = "identified"
    REGISTERED = "registered"
    REFUSED = "refused"
    REPORTED = "reported"
    ANOTHER_WAY = "another_way"
    ANSWERED = "answered"
    """Any other step's answers; the body names the step."""
    WENT_ON = "went_on"
    PHONE_PASSED = "phone_passed"
    MOVED = "moved"
    TRANSCRIBED = "transcribed"
    """The office transcribed what was marked on paper: by whom, of which day, in which words, who marked it."""
    EXPIRED = "expired"
    """Abandoned before the handoff: the visit and its bodies are deleted."""
    LEFT = "left"
    """Abandoned after the handoff: the browser session is deleted, the office keeps the visit."""
    ENDED = "ended"
    VERIFIED = "verified"
    CLOSED = "closed"
    ASKED = "asked"
    """A request from the patient's copy: a change, a withdrawal, or the statement that this was not agreed to."""
    COPIED = "copied"
    """The office printed a copy for the patient."""
    COPY_CALLED_BACK = "copy_called_back"
    """That copy was called back."""
    IMPORTED = "imported"
    """A file of the terminal was imported: its digest, how many people, by whom."""
    WITHDRAWN = "withdrawn"
    """A consent was withdrawn at the source."""
    LAPSED = "lapsed"
    """A consent has expired at the source."""
    EXPORTED = "exported"
    ERASED = "erased"
    """A person's key was destroyed, on request or after the retention period."""
    PURGED = "purged"
    """A settled visit was deleted after the retention period, with its bodies and answers."""
    RESTORED = "restored"
    """The record goes on from an older state than known, as somebody accepted."""
    KEYED = "keyed"
    """From here on entries carry a MAC; the entries before it are covered by this one's."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a visit, not chained yet. Time: seconds since 1970, UTC."""

    type: EventType
    at: int
    body: Body
