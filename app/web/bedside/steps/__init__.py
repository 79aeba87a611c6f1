"""What a page needs beyond its visit: an optional module of the step's name, with one function `shown`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

from fastapi import Request

from app.rules.visit.step import Step
from app.web.bedside.seat import Bedside, Seat


@dataclass(frozen=True, slots=True)
class Extra:
    """Values for a step's template and headers for its answer."""

    values: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


Shown: TypeAlias = Callable[[Request, Bedside, Seat], Awaitable[Extra]]


@lru_cache
def shown_by(step: Step) -> Shown | None:
    """Return the function `shown` of a step's module, or None without such a module."""
    name = f"{__name__}.{step.id.replace('-', '_')}"
    found: Shown | None = import_module(name).shown if find_spec(name) else None
    return found
