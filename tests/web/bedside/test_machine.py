"""Two phones, many patients, any order of taps, tabs, returns and hours: no answer ever on another visit.

A hypothesis state machine drives the whole application (journey, store, return) through its pages' own forms, and a
small model of what each patient said watches what the store keeps.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.cli.seed import seed_practice
from app.main import PRACTICE_STATION, Kazasu, create_app
from app.rules.record.evidence import hashed
from app.rules.visit import journey
from app.rules.visit.flow import STEPS
from app.rules.visit.journey import IDLE
from app.rules.visit.visit import Visit
from app.settings import Settings
from app.tokens import Purpose, new_secret
from app.web.bedside import seat
from tests.adapters.samples import visit_of
from tests.rules.record.chain import broken_link
from tests.web.bedside.nurse import BROWSER, ORIGIN, StillClock
from tests.web.bedside.page import Page

ITEMS = ("surgery", "clinical_drug", "health_checkup", "limit_amount", "specific_disease")
PHONES = st.sampled_from((0, 1))


@dataclass
class Tab:
    """One page that is open somewhere: its form's hidden fields, as they were when it was shown."""

    held: dict[str, str]


@dataclass
class Phone:
    """One browser, with the pages left open in its tabs and what its patient has said so far."""

    http: httpx.AsyncClient
    tabs: list[Tab] = field(default_factory=list)
    visit: str = ""
    said: dict[str, str] = field(default_factory=dict)
    touched: int = 0


class Bedside(RuleBasedStateMachine):
    """Everything two phones may do."""

    portal: BlockingPortal

    def __init__(self) -> None:
        """Open the application on a fresh store."""
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = StillClock()
        self.kazasu: Kazasu = create_app(
            Settings(data=Path(self.folder.name), starts_per_minute=10**6, posts_per_minute=10**6),
            clock=self.clock,
        )
        self.link = self.portal.call(seed_practice, self.kazasu.store, self.clock)
        self.phones = [Phone(self._browser()), Phone(self._browser())]
        self.returns: list[str] = []
        self.all_said: dict[str, dict[str, str]] = {}

    def _browser(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.kazasu.asgi), base_url=ORIGIN)

    def _get(self, phone: Phone, address: str) -> Page:
        answer = self.portal.call(lambda: phone.http.get(address, follow_redirects=True))
        return Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)

    def _send(self, phone: Phone, address: str, fields: dict[str, str]) -> Page:
        answer = self.portal.call(lambda: phone.http.post(address, data=fields, headers=BROWSER, follow_redirects=True))
        assert answer.status_code in {200, 403, 409, 410, 422}, answer.status_code
        return Page(answer.status_code, dict(answer.headers), answer.text, answer.url.path)

    def _visit(self, phone: Phone) -> Visit | None:
        secret = phone.http.cookies.get("visit")
        found = self.portal.call(visit_of, self.kazasu.store, hashed(secret)) if secret else None
        alive = found is not None and self.clock.at < found.touched_at + IDLE
        return found if alive else None

    def _note(self, phone: Phone, page: Page) -> None:
        """Remember every form on a page as a tab that may be sent much later."""
        for form in page.root.all("form"):
            held = {
                each.attrs["name"]: each.attrs["value"]
                for each in form.all("input")
                if each.attrs.get("type") == "hidden"
            }
            if "visit" in held:
                phone.tabs.append(Tab(held))
                return

    # --- what can happen -----------------------------------------------------------------------------------------

    @initialize()
    def both_begin(self) -> None:
        """Let both phones begin."""
        for number in (0, 1):
            self.a_patient_begins(number)

    @rule(number=PHONES)
    def a_patient_begins(self, number: int) -> None:
        """Begin a visit: whatever this phone had before is over."""
        phone = self.phones[number]
        page = self._send(phone, f"/f/{self.link.token}", {"start": "1"})
        assert page.path == "/visit/need"
        visit = self._visit(phone)
        assert visit is not None
        assert visit.answers == {}
        phone.visit, phone.said = visit.id, {}
        self.all_said[visit.id] = phone.said
        self._note(phone, page)

    @rule(number=PHONES, over_40=st.booleans())
    def the_gate_is_answered(self, number: int, over_40: bool) -> None:
        """Answer the gate on the page as it is now."""
        self._on_page(number, "need", {"over_40": "yes" if over_40 else "no", "intent": "first"})

    @rule(number=PHONES, choices=st.lists(st.sampled_from(("agree", "decline")), min_size=5, max_size=5))
    def the_items_are_answered(self, number: int, choices: list[str]) -> None:
        """Answer every item shown."""
        self._on_page(number, "consent", dict(zip(ITEMS, choices, strict=True)))

    @rule(number=PHONES, step=st.sampled_from(("ready", "check")))
    def a_button_is_pressed(self, number: int, step: str) -> None:
        """Press the one button of a page."""
        self._on_page(number, step, {"ready": "all", "confirmed": "yes"})

    def _on_page(self, number: int, step: str, given: dict[str, str]) -> None:
        phone = self.phones[number]
        page = self._get(phone, f"/visit/{step}")
        if page.path == "/visit/hand-over" and page.status == 200:
            page = self._send(phone, "/visit/hand-over", page.form_fields("/visit/hand-over"))
        self._note(phone, page)
        if page.path != f"/visit/{step}" or page.status != 200 or not page.forms(f"/visit/{step}"):
            return
        before = self._visit(phone)
        assert before is not None
        sent = {**page.form_fields(f"/visit/{step}"), **given}
        answer = self._send(phone, f"/visit/{step}", sent)
        assert answer.status == 200
        if step == "consent":
            phone.said.clear()
            phone.said.update({item.id: given[item.id] for item in before.items})
        if step == "need" and given["over_40"] == "no":
            phone.said.pop("health_checkup", None)
        # Tapped twice: the same submission, the same answer, one record.
        version = getattr(self._visit(phone), "version", None)
        self._send(phone, f"/visit/{step}", sent)
        assert getattr(self._visit(phone), "version", None) == version

    @rule(
        number=PHONES,
        other=PHONES,
        which=st.integers(0, 200),
        step=st.sampled_from(("need", "consent", "check", "ready")),
        choice=st.sampled_from(("agree", "decline")),
    )
    def an_old_tab_is_sent(self, number: int, other: int, which: int, step: str, choice: str) -> None:
        """Send a page that was left open, from this phone or with the other's cookie: it must change nothing old."""
        tabs = self.phones[other].tabs
        if not tabs:
            return
        phone, held = self.phones[number], tabs[which % len(tabs)].held
        before = self._visit(phone)
        given = {
            "over_40": "yes",
            "intent": "first",
            "ready": "all",
            "confirmed": "yes",
            **dict.fromkeys(ITEMS, choice),
        }
        self._send(phone, f"/visit/{step}", {**held, **given})
        after = self._visit(phone)
        if before is None or after is None or after.version == before.version:
            return
        # It was the page of this very visit at this very version: an ordinary submission.
        assert (held["visit"], held["version"]) == (before.id, str(before.version))
        if step == "consent":
            phone.said.clear()
            phone.said.update({item.id: choice for item in before.items})

    @rule(number=PHONES)
    def the_card_is_tapped(self, number: int) -> None:
        """Come back from the app with an error answer: as good as a code for whose visit it is."""
        visit = self._visit(self.phones[number])
        if visit is None or not visit.departure:
            return
        state = self.kazasu.signer.sign(Purpose.HANDOFF, visit.departure, visit.id)
        self.returns.append(f"/return?state={state}&error=access_denied&error_description=cancelled")

    @precondition(lambda self: self.returns)
    @rule(number=PHONES, which=st.integers(0, 200))
    def something_comes_back(self, number: int, which: int) -> None:
        """Open any return, on any phone, at any time: at most its own visit takes it, once."""
        address = self.returns[which % len(self.returns)]
        before = [self._visit(phone) for phone in self.phones]
        page = self._get(self.phones[number], address)
        assert page.status in {200, 400, 410}
        after = [self._visit(phone) for phone in self.phones]
        assert before[1 - number] == after[1 - number]
        if before[number] != after[number]:
            self.returns.remove(address)

    @rule(number=PHONES)
    def the_visit_is_ended(self, number: int) -> None:
        """End the visit on this phone."""
        phone = self.phones[number]
        visit = self._visit(phone)
        if visit is None:
            return
        token = self.kazasu.signer.form(phone.http.cookies["visit"])
        held = {"visit": visit.id, "version": str(visit.version), "key": new_secret(), "token": token}
        self._send(phone, "/visit/end", held)
        assert self._visit(phone) is None

    @rule(seconds=st.sampled_from((1, 59, 599, 601, 1799, 1801, 12 * 3600)))
    def time_goes_by(self, seconds: int) -> None:
        """Let time go by, and let the server sweep."""
        self.clock.pass_(seconds)
        self.portal.call(self.kazasu.store.expire, self.clock.at - IDLE)

    # --- what must always hold --------------------------------------------------------------------------------------

    @invariant()
    def no_answer_is_on_another_visit(self) -> None:
        """What the store keeps of a visit is what its own patient said."""
        for phone in self.phones:
            visit = self._visit(phone)
            if visit is None:
                continue
            assert visit.id == phone.visit
            kept = dict(visit.answers.get("consent", {}))
            assert kept == {item: choice for item, choice in phone.said.items() if item in kept}
            assert journey.is_reachable(STEPS["need"], visit)

    def teardown(self) -> None:
        """Check the chain, and let go of everything."""

        async def check() -> int | None:
            rows = [(logged.entry, logged.hash) async for logged in self.kazasu.store.export(PRACTICE_STATION.id)]
            return broken_link(rows)

        assert self.portal.call(check) is None
        for phone in self.phones:
            self.portal.call(phone.http.aclose)
        self.portal.call(self.kazasu.close)
        self.folder.cleanup()


STEPS_TAKEN = settings(
    max_examples=30,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    database=None,
)


def play(machine: type[Bedside]) -> None:
    """Run a machine with an event loop beside it."""
    with start_blocking_portal() as portal:
        machine.portal = portal
        run_state_machine_as_test(machine, settings=STEPS_TAKEN)


@pytest.mark.slow
@pytest.mark.threat("T03")
@pytest.mark.threat("T19")
def test_no_answer_is_ever_on_another_visit() -> None:
    play(Bedside)


@pytest.mark.slow
def test_control_a_guard_that_ignores_the_visit_id_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the check of visit, token and version, an old tab's answer lands on the next patient."""
    real = seat.Bedside.write

    async def forgiving(self: Any, form: Any, *rest: Any, **named: Any) -> Any:
        return await real(self, replace(form, version=rest[0].version, key=new_secret()), *rest, **named)

    monkeypatch.setattr(seat.Bedside, "admit", lambda *_: None)
    monkeypatch.setattr(seat.Bedside, "write", forgiving)
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - hypothesis groups what it finds
        play(Bedside)
    assert not isinstance(caught.value, KeyboardInterrupt)
