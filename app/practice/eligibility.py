"""The practice eligibility system over HTTP, with an OpenAPI description of its own.

The pseudonym of a person is sent in the body or in a header of its own, never in an address: addresses end up
in access logs and histories. Reading is a GET all the same: it is safe and idempotent.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from app.practice.people import PracticePerson
from app.practice.system import (
    KeyReused,
    Mood,
    NotRegisteredAsInsurance,
    Order,
    RegisteredConsent,
    System,
    UnknownPerson,
)

SLOW_SECONDS: Final = 6.0

Facility = Annotated[str, Field(pattern=r"^[0-9A-Za-z-]{1,32}$")]
Subject = Annotated[str, Field(min_length=1, max_length=255)]
SubjectHeader = Annotated[Subject, Header(alias="Eligibility-Subject")]
FacilityQuery = Annotated[Facility, Query()]
Key = Annotated[str, Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,128}$")]
ItemId = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]
_bearer: Final = HTTPBearer(auto_error=False)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, strict=True)


class OrderIn(_Model):
    """What a station registers for one person."""

    subject: Subject
    facility_code: Facility
    choices: Annotated[dict[ItemId, Literal["agree", "decline"]], Field(min_length=1, max_length=20)]


class RegistrationReceipt(_Model):
    """The confirmation of a registration, and its time."""

    registered_at: datetime


class InsuranceOut(_Model):
    """One insurance; a number of 6 digits has two blanks before it."""

    kind: str
    insurer_number: Annotated[str, Field(min_length=8, max_length=8)]
    insurer_name: str
    valid: bool


class ConsentOut(_Model):
    """One item: whether it was agreed to, when, and until when the information may be seen, if that ends."""

    item: str
    agreed: bool
    consented_at: datetime
    available_until: datetime | None


class EligibilityAnswer(_Model):
    """What is known about a person, limited to what was agreed to."""

    subject: str
    name: str
    kana: str
    valid: bool
    insurances: list[InsuranceOut]
    consents: list[ConsentOut]
    limit_amount: str | None
    specific_disease: str | None


class ProblemDetail(_Model):
    """A problem detail (RFC 9457)."""

    type: str
    title: str
    status: int


class _Failed(Exception):
    def __init__(self, status: HTTPStatus, kind: str) -> None:
        super().__init__(kind)
        self.status = status
        self.kind = kind


_MEANS: Final = {
    UnknownPerson: (HTTPStatus.NOT_FOUND, "unknown-subject"),
    NotRegisteredAsInsurance: (HTTPStatus.UNPROCESSABLE_ENTITY, "not-registered"),
    KeyReused: (HTTPStatus.CONFLICT, "key-reused"),
    RequestValidationError: (HTTPStatus.BAD_REQUEST, "malformed"),
}
_PROBLEMS: Final[dict[int | str, dict[str, object]]] = {
    status.value: {"model": ProblemDetail, "description": status.phrase}
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    )
}


def create_eligibility(system: System, api_key: str, *, slow_seconds: float = SLOW_SECONDS) -> FastAPI:
    """Return the application."""

    async def admit(given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> None:
        if given is None or not hmac.compare_digest(given.credentials.encode(), api_key.encode()):
            raise _Failed(HTTPStatus.UNAUTHORIZED, "unauthorized")

    async def be_moody() -> None:
        if system.mood is Mood.FAILING:
            raise _Failed(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable")
        if system.mood is Mood.SLOW:
            await asyncio.sleep(slow_seconds)

    app = FastAPI(
        title="練習の資格確認システム",
        version="1",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(admit), Depends(be_moody)],
        responses=_PROBLEMS,
    )

    @app.post("/v1/consents", status_code=HTTPStatus.CREATED)
    async def register(order: OrderIn, key: Key) -> RegistrationReceipt:
        """Register choices; the same key with the same body is the same registration."""
        fingerprint = hashlib.sha256(order.model_dump_json().encode()).hexdigest()
        choices = {item: choice == "agree" for item, choice in order.choices.items()}
        made = system.register(key, fingerprint, Order(order.subject, order.facility_code, choices))
        if system.mood is Mood.SILENT and not made.is_repeated:
            raise _Failed(HTTPStatus.GATEWAY_TIMEOUT, "no-answer")
        return RegistrationReceipt(registered_at=made.at)

    @app.get("/v1/eligibility")
    async def eligibility(subject: SubjectHeader, facility_code: FacilityQuery) -> EligibilityAnswer:
        """Answer what is known, limited to what was agreed to."""
        return _answer(subject, *system.answer(subject, facility_code))

    for kind in (*_MEANS, _Failed):
        app.add_exception_handler(kind, _problem)
    return app


async def _problem(_: Request, error: Exception) -> Response:
    """Answer a problem detail, which echoes nothing of the request."""
    status, kind = (error.status, error.kind) if isinstance(error, _Failed) else _MEANS[type(error)]
    problem = ProblemDetail(type=f"urn:kazasu:practice:{kind}", title=status.phrase, status=status.value)
    return JSONResponse(problem.model_dump(), status.value, media_type="application/problem+json")


def _answer(subject: str, person: PracticePerson, consents: tuple[RegisteredConsent, ...]) -> EligibilityAnswer:
    agreed = {consent.item for consent in consents if consent.agreed}
    return EligibilityAnswer(
        subject=subject,
        name=person.name,
        kana=person.kana,
        valid=person.valid,
        insurances=[InsuranceOut.model_validate(insurance) for insurance in person.insurances],
        consents=[ConsentOut.model_validate(consent) for consent in consents],
        limit_amount=person.limit_amount if "limit_amount" in agreed else None,
        specific_disease=person.specific_disease if "specific_disease" in agreed else None,
    )
