"""What a log line may hold: the product drops any other field, and a test in which one is dropped fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest
import structlog
from structlog.testing import capture_logs

from app.log import FIELDS, only_allowed
from tests.conftest import only_allowed_fields

log = structlog.get_logger()
Captured: TypeAlias = "Callable[[], AbstractContextManager[object]]"


def test_the_product_drops_every_field_that_is_not_on_the_list() -> None:
    line = {"event": "broken", "visit_id": "v", "name": "練習 花子"}
    assert only_allowed(None, "info", line) == {"event": "broken", "visit_id": "v"}


def test_every_field_on_the_list_may_be_logged_in_a_test() -> None:
    with only_allowed_fields():
        log.info("request", **dict.fromkeys(FIELDS - {"event"}, 1))


@pytest.mark.parametrize("captured", [capture_logs, contextlib.nullcontext])
def test_a_dropped_field_is_noticed_even_in_a_line_that_is_captured(captured: Captured) -> None:
    with pytest.raises(AssertionError, match="facility of 'refused'"), only_allowed_fields(), captured():
        log.warning("refused", count=1, facility="hinatazaka")


def test_a_dropped_field_is_noticed_in_what_was_bound_before() -> None:
    with pytest.raises(AssertionError, match="patient of 'opened'"), only_allowed_fields():
        log.bind(patient="p").info("opened")
