"""How often one submission moves between the files of the product, which is what its reader must follow."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

import app
from app.rules.visit.flow import STEPS
from tests.rules.visits import ordinary
from tests.web.bedside.nurse import BROWSER, Nurse

APP: Final = str(Path(app.__file__).parent)
MOST: Final = 150
"""132 when this was written."""


class Moves:
    """Counts the calls out of one file of `app/` into another, on this thread."""

    def __init__(self) -> None:
        """Begin with none."""
        self.count = 0

    def __enter__(self) -> Self:
        """Count from here on."""
        sys.setprofile(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        """Count no more."""
        sys.setprofile(None)

    def _called(self, frame: FrameType, event: str, _: Any) -> None:
        into = frame.f_code.co_filename
        if event != "call" or not into.startswith(APP):
            return
        caller = frame.f_back
        while caller and not caller.f_code.co_filename.startswith(APP):
            caller = caller.f_back
        self.count += caller is not None and caller.f_code.co_filename != into


async def test_a_submission_moves_between_few_files(nurse: Nurse) -> None:
    page = await nurse.is_ready()
    chosen = ordinary(STEPS["consent"], await nurse.visit())
    with Moves() as moves:
        answer = await nurse.http.post(
            "/visit/consent", data={**page.form_fields("/visit/consent"), **chosen}, headers=BROWSER
        )
    assert answer.status_code == 303
    assert 50 < moves.count <= MOST
