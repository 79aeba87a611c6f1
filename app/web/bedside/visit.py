"""The visit's steps: one handler shows and one submits every step of `FLOW`; the phone's hand-over; the look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Request, Response

from app.ports.store import Written
from app.rules.visit import journey
from app.rules.visit.flow import FLOW, STEPS
from app.rules.visit.step import Step
from app.rules.visit.submission import (
    Submitted,
    Wrong,
    drafted,
    is_since,
    is_submittable,
    submission,
    taking_up,
    unsaid,
)
from app.rules.visit.visit import NOTHING, Answer, Visit
from app.rules.words.languages import BY_CODE
from app.web.bedside.returning import new_departure
from app.web.bedside.seat import (
    HAND_OVER,
    Admitted,
    Bedside,
    OpenSeat,
    Refusal,
    Seat,
    TheBedside,
    as_of,
    crossing_hash,
    is_too_early,
    submitted,
)
from app.web.bedside.steps import Extra, shown_by
from app.web.bedside.steps.done import copy_of
from app.web.kit.forms import Form
from app.web.kit.pages import Look
from app.web.kit.parts import ThisLook

router = APIRouter()


async def _step(request: Request) -> Step:
    found = STEPS.get(request.path_params["step"])
    if found is None:
        raise HTTPException(404)
    return found


ThisStep: TypeAlias = Annotated[Step, Depends(_step)]


@router.get("/visit")
async def resume(request: Request, bedside: TheBedside, seat: OpenSeat) -> Response:
    """Redirect to the first open step."""
    return bedside.onward(request, seat.visit)


# --- the phone changes hands ----------------------------------------------------------------------------------------


@router.get("/visit/hand-over")
async def hand_over(request: Request, bedside: TheBedside, seat: OpenSeat, to: str = "") -> Response:
    """Show who should take the phone now."""
    step = _towards(to, seat.visit)
    if not journey.needs_hand_over(step, seat.visit):
        return bedside.go(request, f"/visit/{step.id}")
    return bedside.show(request, seat, step, template=HAND_OVER)


@router.post("/visit/hand-over")
async def received(request: Request, bedside: TheBedside, seat: OpenSeat, sent: Admitted, look: ThisLook) -> Response:
    """Record that the other person holds the phone now, and what that page's own question was answered with."""
    step = _towards(sent.answers.get("to", ""), seat.visit)
    if is_too_early(request, sent):
        return bedside.go(request, f"/visit/hand-over?to={step.id}")
    holder = step.held_by(seat.visit)
    taken = taking_up(step, seat.visit, sent.answers, _read_in(look, sent))
    moment = f"held_by_{holder}" if taken.visit.holder is holder else step.id
    written = await bedside.write(submitted(sent, *taken.events), taken.visit, *taken.events, moment=moment)
    answer = await _answered(request, bedside, step, written, taken.visit, to=step if taken.is_draft else None)
    bedside.keep_look(answer, look.seen_by(taken.visit.holder))
    return answer


def _towards(name: str, visit: Visit) -> Step:
    step = STEPS.get(name)
    return step if step is not None and journey.is_reachable(step, visit) else journey.furthest(visit)


@router.post("/visit/stay")
async def stay(request: Request, bedside: TheBedside, seat: OpenSeat, sent: Admitted) -> Response:
    """Let the visit last as long as after any submission; a page from before it is no older page."""
    # All forms of a page share one key: the suffix keeps this one apart. A stale one lasts by what was written since.
    sent = replace(as_of(seat.visit, sent), key=f"{sent.key}#stay")
    await bedside.write(submitted(sent), unsaid(seat.visit), is_draft=True)
    return bedside.onward(request, seat.visit)


# --- how it reads -----------------------------------------------------------------------------------------------------


@router.get("/visit/look")
async def offer_look(request: Request, bedside: TheBedside, seat: OpenSeat) -> Response:
    """Offer text size and furigana."""
    return bedside.show(request, seat, journey.furthest(seat.visit), template="bedside/look.html")


@router.post("/visit/look")
async def set_look(request: Request, bedside: TheBedside, sent: Admitted, look: ThisLook) -> Response:
    """Set the look cookie, and redirect to the page where it was set."""
    to = sent.answers.get("to", "")
    known = to in STEPS or to in {"look", "hand-over", "explanation"}
    answer = bedside.go(request, f"/visit/{to}" if known else "/visit")
    bedside.keep_look(answer, look.chosen(sent.answers))
    return answer


# --- the steps --------------------------------------------------------------------------------------------------------


@router.get("/visit/{step}")
async def show(request: Request, bedside: TheBedside, step: ThisStep, seat: OpenSeat) -> Response:
    """Show a step's page, or redirect to the hand-over or the first open step."""
    if not journey.is_reachable(step, seat.visit):
        return bedside.onward(request, seat.visit)
    if journey.needs_hand_over(step, seat.visit):
        return bedside.go(request, f"/visit/hand-over?to={step.id}")
    return await _page(request, bedside, seat, step)


@router.post("/visit/{step}")
async def submit(
    request: Request, bedside: TheBedside, step: ThisStep, seat: OpenSeat, sent: Admitted, look: ThisLook
) -> Response:
    """Validate a step's answers and write them."""
    visit, sent = seat.visit, as_of(seat.visit, sent)
    # A form of the page on which the phone changes hands says when it was made.
    is_early = "made" in sent.answers and is_too_early(request, sent)
    is_draft = "draft" in sent.answers
    has_answers = is_draft or is_submittable(step, visit, sent.answers)
    if is_early or not has_answers or not journey.is_reachable(step, visit):
        return bedside.onward(request, visit)
    if step.only_in_hand and journey.needs_hand_over(step, visit):
        return bedside.go(request, f"/visit/hand-over?to={step.id}")
    if is_draft:
        return await _kept(bedside, step, visit, sent)
    outcome = submission(step, visit, sent.answers, _read_in(look, sent))
    if isinstance(outcome, Wrong):
        return await _page(request, bedside, seat, step, status=422, given=outcome.given, wrong=outcome.wrong)
    written = await _write(bedside, seat, step, sent, outcome)
    if written is Written.STALE:
        now = await bedside.seat(request)
        if is_since(now.visit, sent.version):  # only a draft was written meanwhile
            return await submit(request, bedside, step, now, sent, look)
    return await _answered(request, bedside, step, written, outcome.visit, to=step if outcome.is_draft else None)


async def _kept(bedside: Bedside, step: Step, visit: Visit, sent: Form) -> Response:
    """Keep what is chosen so far as a draft, unless the visit has moved on; answer 204 in any case."""
    after = drafted(step, visit, sent.answers)
    if after:
        await bedside.write(submitted(sent), after, is_draft=True)
    return Response(status_code=204)


async def _page(
    request: Request,
    bedside: Bedside,
    seat: Seat,
    step: Step,
    *,
    status: int = 200,
    given: Answer = NOTHING,
    wrong: Mapping[str, str] = NOTHING,
    stale: bool = False,
) -> Response:
    """Answer the page of a step, with what its own module adds."""
    shown = shown_by(step)
    extra = await shown(request, bedside, seat) if shown else Extra()
    page = bedside.show(request, seat, step, status=status, given=given, wrong=wrong, stale=stale, **extra.values)
    page.headers.update(extra.headers)
    return page


async def _write(bedside: Bedside, seat: Seat, step: Step, sent: Form, outcome: Submitted) -> Written:
    after, issue, crossing = outcome.visit, None, ""
    if outcome.departs:
        issue = new_departure(seat, bedside.clock.now())
        after = replace(after, departure=issue.id)
        code = bedside.crossing(after)
        crossing = crossing_hash(seat.facility.id, code) if code else ""
    return await bedside.write(
        submitted(sent, *outcome.events),
        after,
        *outcome.events,
        moment="" if outcome.is_draft else step.id,
        issue=None if crossing else issue,  # on the official route nothing comes back that could be checked
        crossing=crossing,
        copy=copy_of(bedside, seat) if journey.furthest(after) is FLOW[-1] and not outcome.is_draft else None,
    )


async def _answered(
    request: Request, bedside: Bedside, step: Step, written: Written, after: Visit, *, to: Step | None = None
) -> Response:
    """Redirect to the next page, or to `to`; show this page again when the visit had moved on."""
    if written is Written.DONE:
        return bedside.go(request, f"/visit/{to.id}") if to else bedside.onward(request, after)
    if written is Written.KEY_REUSED:
        raise Refusal("key_reused")
    now = await bedside.seat(request)
    if written is Written.REPEATED and to is not None and journey.is_reachable(to, now.visit):
        return bedside.go(request, f"/visit/{to.id}")
    if written is Written.REPEATED or not journey.is_reachable(step, now.visit):
        return bedside.onward(request, now.visit)
    return await _page(request, bedside, now, step, status=409, stale=True)


def _read_in(look: Look, sent: Form) -> str:
    """Return the language code of the answered page: from its form, else from the look cookie."""
    return BY_CODE.get(sent.answers.get("language", ""), look.language).code
