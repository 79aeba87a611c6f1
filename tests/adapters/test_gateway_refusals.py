"""The gateway adapter with systems that fail or answer nonsense: bounded attempts, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import httpx
import pytest

from app.ports.outside import Eligibility, Unavailable
from tests.adapters.line import saying
from tests.practice.world import STATION

EVERYTHING: Final = {"surgery": "agree", "limit_amount": "decline"}

# --- retries are bounded, and only for what may pass ---


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(429),
        httpx.Response(502),
        httpx.Response(503),
        httpx.Response(504),
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("cut"),
    ],
)
async def test_what_may_pass_is_tried_again_a_few_times(trouble: httpx.Response | Exception) -> None:
    line = saying(trouble)
    with pytest.raises(Unavailable):
        await line.gateway.eligibility("someone", STATION)
    assert len(line.calls) == 3
    recovered = saying(trouble, httpx.Response(200, json=answer()))
    assert (await recovered.gateway.eligibility("someone", STATION)).name == "練習　花子"
    assert len(recovered.calls) == 2


@pytest.mark.parametrize(
    "answered",
    [
        httpx.Response(500),
        httpx.Response(501),
        httpx.Response(400),
        httpx.Response(401),
        httpx.Response(404),
        httpx.Response(409),
        httpx.Response(302, headers={"location": "https://evil.example"}),
        httpx.Response(204),
        httpx.Response(422, json={"type": "urn:other"}),
        httpx.Response(422, content=b"<html>"),
        httpx.ReadTimeout("slow"),
    ],
)
async def test_anything_else_is_unavailable_at_once(answered: httpx.Response | Exception) -> None:
    line = saying(answered)
    with pytest.raises(Unavailable):
        await line.gateway.eligibility("someone", STATION)
    with pytest.raises(Unavailable):
        await line.gateway.register("someone", STATION, EVERYTHING, "key")
    assert len(line.calls) == 2


# --- answers that cannot be believed ---


def answer(**changed: object) -> dict[str, object]:
    good: Mapping[str, object] = {
        "subject": "someone",
        "name": "練習　花子",
        "kana": "ﾚﾝｼｭｳ ﾊﾅｺ",
        "valid": True,
        "insurances": [insurance()],
        "consents": [consent(), consent(item="limit_amount", available_until=None)],
        "limit_amount": "適用区分 ウ",
        "specific_disease": None,
    }
    return {**good, **changed}


def insurance(**changed: object) -> dict[str, object]:
    return {"kind": "01", "insurer_number": "06990014", "insurer_name": "練習", "valid": True, **changed}


def consent(**changed: object) -> dict[str, object]:
    given: dict[str, object] = {
        "item": "surgery",
        "agreed": True,
        "consented_at": "2026-11-22T10:00:00+09:00",
        "available_until": "2027-02-28T23:59:00+09:00",
    }
    return {**given, **changed}


async def believed(body: object) -> Eligibility:
    line = saying(httpx.Response(200, json=body))
    return await line.gateway.eligibility("someone", STATION)


async def test_a_good_answer_is_believed_and_the_earliest_received_end_is_shown() -> None:
    found = await believed(
        answer(
            consents=[
                consent(item="surgery"),
                consent(item="limit_amount"),
                consent(item="clinical_drug", available_until="2027-01-31T23:59:00+09:00"),
            ]
        )
    )
    assert found.available_until == 1_801_407_540
    assert found.limit_amount == "適用区分 ウ"


@pytest.mark.parametrize(
    "bad",
    [
        [],
        None,
        "text",
        {},
        answer(extra="field"),
        answer(subject="somebody else"),
        answer(name=""),
        answer(name=7),
        answer(valid="yes"),
        answer(valid=1),
        answer(insurances={}),
        answer(insurances=[insurance(insurer_number="990010")]),
        answer(insurances=[insurance(insurer_number="６９９９００１４")]),
        answer(insurances=[insurance(more=1)]),
        answer(consents=[consent(agreed="true")]),
        answer(consents=[consent(consented_at="2026-11-22T10:00:00")]),
        answer(consents=[consent(available_until=1_800_000_000)]),
        answer(consents=[consent(), consent(agreed=False)]),
        answer(consents=[consent()]),
        answer(consents=[consent(item="limit_amount", agreed=False)]),
        answer(specific_disease="told without consent"),
        {name: value for name, value in answer().items() if name != "kana"},
    ],
)
async def test_an_answer_of_another_shape_is_no_answer(bad: object) -> None:
    with pytest.raises(Unavailable):
        await believed(bad)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe", b'{"registered_at": "today"}', b"{}"])
async def test_a_copy_that_cannot_be_read_is_no_copy(body: bytes) -> None:
    line = saying(httpx.Response(201, content=body))
    with pytest.raises(Unavailable):
        await line.gateway.register("someone", STATION, EVERYTHING, "key")
