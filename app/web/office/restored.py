"""A read-only record, older than it is known to have been: shows what is missing, and takes its acceptance."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.responses import Response

from app.ports.store import Ledger
from app.rules.station.account import Access
from app.rules.words.dates import format_time
from app.web.office.desk import Caller, Desk, OfficeRoute
from app.work import forgetting


@dataclass(frozen=True)
class RestoredDesk:
    """The page of a read-only record."""

    desk: Desk
    ledger: Ledger

    def routes(self) -> list[OfficeRoute]:
        """Return the routes."""
        return [
            OfficeRoute("GET", "/office/restored", Access.STAFF, self.show),
            OfficeRoute("POST", "/office/restored", Access.ADMIN, self.accept),
        ]

    async def show(self, caller: Caller) -> Response:
        """Show what is known, what was found, and what is missing."""
        return self._page(caller)

    def _page(self, caller: Caller, wrong: str = "") -> Response:
        return self.desk.page(
            caller,
            "restored.html",
            status=422 if wrong else 200,
            wrong=wrong,
            goes_on="on" in caller.request.query_params,
            format_time=format_time,
        )

    async def accept(self, caller: Caller) -> Response:
        """End the read-only state, with an event in the record that says by whom."""
        if caller.gap is None:
            return self.desk.go("/office/restored")
        if caller.sent.get("understood") != "yes":
            return self._page(caller, "足りないものを確かめて、印をつけてください")
        by, now = caller.officer.account.id, self.desk.clock.now()
        await forgetting.accept(self.desk.store, self.ledger, caller.facility, by, now)
        return self.desk.go("/office/restored?on=1")
