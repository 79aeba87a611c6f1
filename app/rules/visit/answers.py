"""Answers of the visit that rules outside the flow ask about."""

from __future__ import annotations

from enum import StrEnum


class Intent(StrEnum):
    """What is to be done at this visit."""

    FIRST = "first"
    CONTINUES = "continues"
    CHANGE = "change"
    WITHDRAW = "withdraw"


class Report(StrEnum):
    """What was reported of the official screen after the card."""

    ANSWERED = "answered"
    """As the eligibility system answered."""
    DONE = "done"
    TROUBLE = "trouble"
    STOPPED = "stopped"
    LATER = "later"
