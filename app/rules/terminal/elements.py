"""Maps the XML elements of the terminal's files to fields and allowed codes. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from app.rules.terminal.values import CODES, FLAGS, INSURER, Odd, parse_day, parse_time

ROOT: Final = "XmlMsg"
UNIT: Final = "BulkConfirmUnit"
CONFIRMATION: Final = "ResultOfQualificationConfirmation"
SEARCH: Final = "QualificationConfirmSearchInfo"
REFERENCE: Final = "ReferenceNumber"
RECEPTION: Final = "ReceptionNumber"
STATION: Final = "MedicalInstitutionCode"
INSURER_NUMBER: Final = "InsurerNumber"
HEADER: Final = {
    "ProcessExecutionTime": "executed",
    STATION: "facility_code",
    "ArbitraryFileIdentifier": "key",
    "CharacterCodeIdentifier": "character_code",
    "SegmentOfResult": "segment",
}
PROCESSING: Final = {
    "ProcessingResultStatus": "status",
    "ProcessingResultCode": "code",
    "ProcessingResultMessage": "message",
}
_WINDOW: Final = {"ConsentDateFrom": "consent_from", "ConsentDateTo": "consent_to", "MedicalTreatmentFlag": "care"}
MESSAGE: Final = {**HEADER, **PROCESSING, **_WINDOW, RECEPTION: "reception"}
PERSON: Final = {"QualificationValidity": "validity", **PROCESSING}
RESULT: Final = {
    "InsuredCardClassification": "card",
    INSURER_NUMBER: "insurer_number",
    "InsurerName": "insurer_name",
    "Name": "name",
    "NameKana": "kana",
    "NameOfOther": "name_of_other",
    "NameOfOtherKana": "kana_of_other",
    "Sex1": "sex",
    "Sex2": "sex_on_back",
    "Birthdate": "birthdate",
}
WRAPPERS: Final = frozenset({"MessageHeader", "MessageBody", SEARCH})
PASSED_OVER: Final = frozenset(
    {
        "InsuredCardSymbol",
        "InsuredIdentificationNumber",
        "InsuredBranchNumber",
        "PersonalFamilyClassification",
        "InsuredName",
        "Address",
        "PostNumber",
        "QualificationDate",
        "DisqualificationDate",
        "InsuredCertificateIssuanceDate",
        "InsuredCardValidDate",
        "InsuredCardExpirationDate",
        "InsuredPartialContributionRatio",
        "PreschoolClassification",
        "ReasonOfLoss",
        "ElderlyRecipientCertificateInfo",
        "LimitApplicationCertificateRelatedInfo",
        "SpecificDiseasesCertificateList",
        "SpecificDiseasesCertificateInfo",
        "PublicExpenseResultList",
        "MedicalTicketInfo",
    }
)
"""Known but not needed: skipped with all contents, so that this personal data is never read."""
FLAG_ENDING, TIME_ENDING, AVAILABLE_ENDING = "ConsFlg", "ConsTime", "AvailableTime"
_ENDINGS: Final = {FLAG_ENDING: 0, TIME_ENDING: 1, "ConsTim": 1, AVAILABLE_ENDING: 2}
"""Suffix of a consent's element to its place (0 code, 1 time, 2 end). `ConsTim` is a misspelling in public files."""
_INVENTED: Final = frozenset({"SpecificDiseases", "PharmaceuticalInfo"})
"""Names that another program invented: reading them would create a consent that does not exist."""


@lru_cache(maxsize=256)
def consent_part(element: str) -> tuple[str, int] | None:
    """Split an element into the flag's name and its place in `_ENDINGS`; None when it is no part of a consent."""
    for ending, place in _ENDINGS.items():
        stem = element.removesuffix(ending)
        if stem and stem != element:
            return None if stem in _INVENTED or not (stem.isascii() and stem.isalnum()) else (stem, place)
    return None


def oddity(element: str, value: str) -> Odd | None:
    """Return what is odd about a value outside the consents; an empty one never is."""
    if element in CODES:
        return None if value in CODES[element] else Odd.CODE
    if not value:
        return None
    if element == INSURER_NUMBER:
        return None if INSURER.fullmatch(value) else Odd.INSURER
    if element == "Birthdate":
        return None if parse_day(value) else Odd.DAY
    if element == "ProcessExecutionTime":
        return None if parse_time(value) is not None else Odd.TIME
    return None


def oddity_in_consent(stem: str, place: int, value: str) -> Odd | None:
    """Return what is odd about a value of a consent: its code (place 0), time (1) or end (2)."""
    if not value:
        return None
    if place:
        return None if parse_time(value) is not None else Odd.TIME
    flag = FLAGS.get(stem)
    return Odd.CODE if flag and flag.codes and value not in flag.codes else None
