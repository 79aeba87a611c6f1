"""Navigation and validation: path, reachable steps, errors, back, invalidation by a new answer. Pure.

Neither an order nor a "current step" is stored: both are computed from the visit.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from app.rules.record.clock import is_young
from app.rules.visit.flow import FLOW, RESTING, STEPS, applying, path
from app.rules.visit.step import Question, Step
from app.rules.visit.visit import NOTHING, Answer, Holder, Registration, Visit
from app.rules.words.digits import Finding, find
from app.rules.words.furigana import N_

MAX_TEXT = 20
IDLE: Final = 30 * 60
"""Seconds without an answer after which a visit expires."""
LATE: Final = 2 * 60 * 60
"""Seconds after expiry for which staff may still say what the official page has shown."""
ABSOLUTE: Final = 12 * 60 * 60
"""Seconds after opening at which it expires in any case."""

TEXT_PROBLEMS: Mapping[Finding, str] = {
    Finding.MY_NUMBER: N_(
        "マイナンバー（12けた）のように{見|み}えます。ここには{入|い}れません。{入力|にゅうりょく}は{消|け}しました。"
        "12けた{以上|いじょう}の{照会|しょうかい}{番号|ばんごう}は、{事業所|じぎょうしょ}の{端末|たんまつ}で{入|い}れてください"
    ),
    Finding.PIN: N_(
        "{暗証|あんしょう}{番号|ばんごう}のように{見|み}えます。{暗証|あんしょう}{番号|ばんごう}は"
        "{公式|こうしき}アプリだけで{入力|にゅうりょく}します。{入力|にゅうりょく}は{消|け}しました"
    ),
    Finding.UNFIT: N_("{半角|はんかく}の{英数字|えいすうじ}とハイフンで、20{文字|もじ}までにしてください"),
}

NOT_OFFERED = N_("{画面|がめん}にあるものからえらんでください")


def is_open(visit: Visit, now: int) -> bool:
    """Whether a visit has not expired."""
    return is_young(visit.touched_at, IDLE, now) and is_young(visit.opened_at, ABSOLUTE, now)


def expires_at(visit: Visit) -> int:
    """Return when a visit expires unless something is submitted (seconds since 1970, UTC)."""
    return min(visit.touched_at + IDLE, visit.opened_at + ABSOLUTE)


def takes_a_late_report(visit: Visit, now: int) -> bool:
    """Whether a visit has expired on the way out, so lately that what the official page has shown is still taken."""
    is_late = not is_open(visit, now) and is_young(visit.touched_at, IDLE + LATE, now)
    return is_late and visit.holder is Holder.STAFF and not visit.report and is_out(visit)


def is_done(step: Step, visit: Visit) -> bool:
    """Whether a step is answered and its answers are still valid."""
    if step.id not in visit.answers or step.goes_on:
        return False
    return not errors(step, visit, visit.answers[step.id])


def furthest(visit: Visit) -> Step:
    """Return the first step still open; no later page may be shown."""
    if "furthest" not in visit.memo:
        steps = path(visit)
        visit.memo["furthest"] = next((step for step in steps if not is_done(step, visit)), steps[-1])
    found: Step = visit.memo["furthest"]
    return found


def is_reachable(step: Step, visit: Visit) -> bool:
    """Whether the page of a step may be opened now."""
    steps = path(visit)
    if step.open_from and step not in steps:
        return any(is_reachable(STEPS[each], visit) for each in step.open_from)
    reached = furthest(visit)
    last = steps.index(reached) + reached.by_hand(visit)
    return step in steps and steps.index(step) <= last


def is_out(visit: Visit) -> bool:
    """Whether people left for another app, and what came of it is not answered yet."""
    steps = path(visit)
    place = steps.index(furthest(visit))
    return any(step.by_hand(visit) for step in steps[max(place - 1, 0) : place + 1])


def back(step: Step, visit: Visit) -> Step | None:
    """Return the step before this one on the path. After the card there is no way back into the choices."""
    steps = path(visit)
    place = steps.index(step) if step in steps else 0
    is_after_card = any(each.taps_card for each in steps[:place])
    return steps[place - 1] if place and not is_after_card else None


def position(step: Step, visit: Visit) -> tuple[int, int] | None:
    """Return (n, m) for "n / m" among the counted steps, or None for a page that does not count."""
    if not step.counted:
        return None
    ahead = tuple(each for each in FLOW if each.counted and not each.goes_on and each in applying(visit))
    return ahead.index(step) + 1, len(ahead)


@dataclass(frozen=True, slots=True)
class Row:
    """One answer as the check page lists it."""

    step: Step
    question: Question
    value: str


def checked(visit: Visit) -> tuple[Row, ...]:
    """Return the answers that the check page lists, in the order of the steps."""
    shown = [step for step in path(visit) if step.asks and step.asks.on_check and step.id in visit.answers]
    given = [(step, visit.answers[step.id]) for step in shown]
    asked = [(step, question, answer) for step, answer in given for question in step.questions(visit, answer)]
    return tuple(Row(step, q, answer[q.name]) for step, q, answer in asked if q.names and q.name in answer)


def _said(question: Question, given: Answer) -> str:
    """Return an answer as stored: free text in NFKC, so that a number is found in any width."""
    value = given.get(question.name, "")
    return value if question.options else unicodedata.normalize("NFKC", value).strip()


def _problem(question: Question, value: str) -> str:
    if not value:
        return question.missing
    if question.options:
        return "" if value in question.options else (question.missing or NOT_OFFERED)
    finding = find(value, number_expected=question.staff_number, limit=MAX_TEXT)
    return TEXT_PROBLEMS[finding] if finding else ""


def errors(step: Step, visit: Visit, given: Answer) -> dict[str, str]:
    """Return what is wrong with the given answers: question name to message, in the page's order."""
    found = {q.name: _problem(q, _said(q, given)) for q in step.questions(visit, given)}
    return {name: message for name, message in found.items() if message}


def fit(step: Step, visit: Visit, given: Answer) -> dict[str, str]:
    """Return the valid answers only: known questions, offered options, harmless text."""
    answered = ((q, _said(q, given)) for q in step.questions(visit, given))
    return {question.name: value for question, value in answered if value and not _problem(question, value)}


def record(step: Step, given: Answer, visit: Visit) -> Visit:
    """Return the visit with the valid answers; only steps that depend on a changed answer are invalidated."""
    visit = _come_back(step, visit)
    return recorded(step, fit(step, visit, given), visit)


def recorded(step: Step, answer: Answer, visit: Visit) -> Visit:
    """Return the visit with an answer, unvalidated: a record is replayed although today's options may differ."""
    changed = dict(visit.answers.get(step.id, NOTHING)) != answer
    answers = {**visit.answers, step.id: answer}
    draft = {name: given for name, given in visit.draft.items() if name != step.id}
    after = replace(visit, answers=answers, draft=draft)
    return _reconcile(_invalidate(after, step.id)) if changed else after


def _come_back(step: Step, visit: Visit) -> Visit:
    """Answer the `by_hand` step before this one: submitting this page proves that the person has returned."""
    before = next((each for each, following in pairwise(path(visit)) if following is step), None)
    if before is None or before.id in visit.answers or not before.by_hand(visit):
        return visit
    answer = {question.name: next(iter(question.options)) for question in before.questions(visit)}
    return replace(visit, answers={**visit.answers, before.id: answer})


def _invalidate(visit: Visit, changed: str) -> Visit:
    """Remove the answers that rest on a changed step, and the tap of the card if it was for them."""
    kept = visit
    for step in RESTING[changed]:
        if step.id in kept.answers:
            kept = _invalidate(_without(step, kept), step.id)
    void = {changed, *visit.answers.keys() - kept.answers.keys()}
    if not any(STEPS[step].to_the_card for step in void):
        return kept
    return replace(kept, departure="", subject="", registration=Registration.NONE, reason="")


def _without(step: Step, visit: Visit) -> Visit:
    return replace(visit, answers={name: given for name, given in visit.answers.items() if name != step.id})


def _reconcile(visit: Visit) -> Visit:
    """Drop answers to questions that are no longer asked, and reopen what rests on a step whose questions changed.

    Also behind an exit, where the path ends: whoever goes on all the same finds them there.
    """
    for step in FLOW:
        given = visit.answers.get(step.id)
        if not given or step not in applying(visit):
            continue
        asked = step.questions(visit, given)
        left = {question.name: given[question.name] for question in asked if question.name in given}
        is_complete = all(question.name in given for question in asked if question.missing)
        if not (is_complete and len(left) == len(given)):
            visit = _invalidate(replace(visit, answers={**visit.answers, step.id: left}), step.id)
    return visit


def go_on(step: Step, visit: Visit) -> Visit:
    """Return the visit with an exit not taken: the person goes on with the registration after all."""
    on = step.goes_on(visit) if step.goes_on else visit
    if on.withdraws == visit.withdraws:
        return on
    for each in FLOW:  # a confirmation was given for something else
        if each.to_the_card and each.id in on.answers:
            on = _invalidate(_without(each, on), each.id)
    return on


def needs_hand_over(step: Step, visit: Visit) -> bool:
    """Whether the phone must change hands before this step is shown."""
    return step.held_by(visit) is not visit.holder


def handed_over(visit: Visit, to: Holder) -> Visit:
    """Return the visit with the phone in the other person's hands."""
    return replace(visit, holder=to)
