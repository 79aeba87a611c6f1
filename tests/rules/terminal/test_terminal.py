"""The terminal's files: what the synthetic answer says, field by field, and what is refused or listed as odd."""

from __future__ import annotations

import codecs
import io
import unicodedata
import zipfile
import zlib
from dataclasses import replace
from datetime import date, datetime

import pytest

from app.rules.terminal.read import read, read_request
from app.rules.terminal.values import (
    FLAGS,
    Answer01,
    Answer02,
    Consent,
    Encoding,
    FileKind,
    Header,
    Limits,
    Meaning,
    Odd,
    OddValue,
    Outcome,
    Person,
    Reading,
    Request01,
    Request02,
    Result,
    Unknown,
    UnreadableFile,
    UnreadableReason,
    Unwritable,
    comparable,
    file_name,
    parse_time,
)
from app.rules.terminal.write import write
from app.rules.words.dates import JST

STATION = "9960000009"
NAME = "OQSmuhvq02res_202611110001.xml"
SYNTHETIC = """\
<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<!-- SYNTHETIC EXAMPLE. Persons, numbers and dates are invented. -->
<XmlMsg>
  <MessageHeader>
    <ProcessExecutionTime>20261111090000</ProcessExecutionTime><MedicalInstitutionCode>9960000009</MedicalInstitutionCode>
    <ArbitraryFileIdentifier>SYNTHETIC-0001</ArbitraryFileIdentifier><CharacterCodeIdentifier>0</CharacterCodeIdentifier><SegmentOfResult>1</SegmentOfResult>
  </MessageHeader>
  <MessageBody>
    <ProcessingResultStatus>1</ProcessingResultStatus><ProcessingResultCode></ProcessingResultCode><ProcessingResultMessage></ProcessingResultMessage>
    <BulkConfirmUnit>
      <ReferenceNumber>A-0001</ReferenceNumber><ReferenceNumber>A-0001-OLD</ReferenceNumber>
      <QualificationValidity>1</QualificationValidity>
      <ResultOfQualificationConfirmation>
        <InsuredCardClassification>01</InsuredCardClassification><InsurerNumber>06990014</InsurerNumber>
        <InsuredCardSymbol>架空１２</InsuredCardSymbol><InsuredIdentificationNumber>３４５</InsuredIdentificationNumber><InsuredBranchNumber>01</InsuredBranchNumber>
        <PersonalFamilyClassification>1</PersonalFamilyClassification>
        <Name>架空　一郎</Name><NameKana>ｶｸｳ ｲﾁﾛｳ</NameKana><Sex1>1</Sex1><Birthdate>19600602</Birthdate>
        <LimitApplicationCertificateRelatedConsFlg>1</LimitApplicationCertificateRelatedConsFlg>
        <LimitApplicationCertificateRelatedConsTime>20261110103200</LimitApplicationCertificateRelatedConsTime>
        <SpecificDiseasesCertificateRelatedConsFlg>1</SpecificDiseasesCertificateRelatedConsFlg>
        <SpecificDiseasesCertificateRelatedConsTime>20261110103200</SpecificDiseasesCertificateRelatedConsTime>
        <SpecificHealthCheckupsInfoConsFlg>0</SpecificHealthCheckupsInfoConsFlg>
        <PharmacistsInfoConsFlg>1</PharmacistsInfoConsFlg><PharmacistsInfoConsTime>20261110103200</PharmacistsInfoConsTime><PharmacistsInfoAvailableTime>20270305235959</PharmacistsInfoAvailableTime>
        <DiagnosisInfoConsFlg>1</DiagnosisInfoConsFlg><DiagnosisInfoConsTime>20261110103200</DiagnosisInfoConsTime><DiagnosisInfoAvailableTime>20270120235959</DiagnosisInfoAvailableTime>
        <OperationInfoConsFlg>1</OperationInfoConsFlg><OperationInfoConsTime>20261110103200</OperationInfoConsTime><OperationInfoAvailableTime>20270120235959</OperationInfoAvailableTime>
      </ResultOfQualificationConfirmation>
      <ResultOfQualificationConfirmation>
        <InsuredCardClassification>A1</InsuredCardClassification><InsurerNumber>12990016</InsurerNumber><InsuredIdentificationNumber>0000001</InsuredIdentificationNumber>
        <Name>架空　一郎</Name><NameKana>ｶｸｳ ｲﾁﾛｳ</NameKana><Sex1>1</Sex1><Birthdate>19600602</Birthdate>
        <PublicExpenseResultList><MedicalTicketInfo><MedicalTreatmentType>05</MedicalTreatmentType></MedicalTicketInfo></PublicExpenseResultList>
      </ResultOfQualificationConfirmation>
    </BulkConfirmUnit>
    <BulkConfirmUnit>
      <QualificationValidity>2</QualificationValidity>
      <ResultOfQualificationConfirmation>
        <InsuredCardClassification>01</InsuredCardClassification><InsurerNumber>  990010</InsurerNumber>
        <InsuredCardSymbol>架-７</InsuredCardSymbol><InsuredIdentificationNumber>8</InsuredIdentificationNumber>
        <Name>見本　髙子</Name><NameKana>ﾐﾎﾝ ﾀｶｺ</NameKana><Sex1>2</Sex1><Birthdate>19890108</Birthdate>
        <LimitApplicationCertificateRelatedConsFlg>0</LimitApplicationCertificateRelatedConsFlg>
        <SpecificDiseasesCertificateRelatedConsFlg>0</SpecificDiseasesCertificateRelatedConsFlg>
        <SpecificHealthCheckupsInfoConsFlg>0</SpecificHealthCheckupsInfoConsFlg>
        <PharmacistsInfoConsFlg>2</PharmacistsInfoConsFlg><PharmacistsInfoConsTime>20260301140000</PharmacistsInfoConsTime><PharmacistsInfoAvailableTime>20260715235959</PharmacistsInfoAvailableTime>
        <DiagnosisInfoConsFlg>0</DiagnosisInfoConsFlg><OperationInfoConsFlg>0</OperationInfoConsFlg>
      </ResultOfQualificationConfirmation>
    </BulkConfirmUnit>
  </MessageBody>
</XmlMsg>
"""
RESULT = "ResultOfQualificationConfirmation"
BOTH = pytest.mark.parametrize("encoding", list(Encoding))


def the_file(encoding: Encoding = Encoding.UTF_8, text: str = SYNTHETIC) -> bytes:
    """Return the synthetic answer in one of the two encodings."""
    if encoding is Encoding.SHIFT_JIS:
        text = text.replace('encoding="UTF-8"', 'encoding="Shift_JIS"')
        text = text.replace("<CharacterCodeIdentifier>0<", "<CharacterCodeIdentifier>1<")
    return text.encode(encoding.codec)


def changed(before: str, after: str) -> bytes:
    """Return the synthetic answer with one place changed."""
    assert before in SYNTHETIC, before
    return the_file(text=SYNTHETIC.replace(before, after, 1))


def line_of(text: str) -> int:
    return SYNTHETIC[: SYNTHETIC.index(text)].count("\n") + 1


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for entry, content in entries:
            archive.writestr(zipfile.ZipInfo(entry), content, method)  # of no moment: what names a test must not change
    return packed.getvalue()


def reading(data: bytes, *, filename: str = "", limits: Limits | None = None) -> Reading:
    return read(data, facility_code=STATION, filename=filename, limits=limits)


def persons(data: bytes) -> tuple[Person, ...]:
    answer = reading(data).answer
    assert isinstance(answer, Answer02)
    return answer.persons


def refusal(data: bytes, *, filename: str = "", limits: Limits | None = None) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as refused:
        reading(data, filename=filename, limits=limits)
    return refused.value


def short(value: object) -> str:
    """Name a test after its data without repeating all of it."""
    return repr(value)[:40]


def at(*parts: int) -> int:
    year, month, day, hour, minute, second = parts
    return int(datetime(year, month, day, hour, minute, second, tzinfo=JST).timestamp())


# --- the synthetic answer, field by field --------------------------------------------------------------------------


@BOTH
def test_it_works(encoding: Encoding) -> None:
    found = reading(the_file(encoding), filename=NAME)
    assert (found.encoding, found.problems, found.problem_count, found.unknown) == (encoding, (), 0, ())
    assert isinstance(found.answer, Answer02)
    assert found.answer.header == Header(
        executed="20261111090000",
        facility_code=STATION,
        key="SYNTHETIC-0001",
        character_code="1" if encoding is Encoding.SHIFT_JIS else "0",
        segment="1",
        status="1",
    )
    assert found.answer.header.outcome is Outcome.DONE
    assert found.answer.header.executed_at == at(2026, 11, 11, 9, 0, 0)
    assert len(found.answer.persons) == 2


@BOTH
def test_a_person_may_have_two_numbers_and_two_insurances(encoding: Encoding) -> None:
    first, _ = persons(the_file(encoding))
    assert first.references == ("A-0001", "A-0001-OLD")
    assert first.validity == "1"
    health, aid = first.results
    assert replace(health, consents=()) == Result(
        card="01", insurer_number="06990014", name="架空　一郎", kana="ｶｸｳ ｲﾁﾛｳ", sex="1", birthdate="19600602"
    )
    assert health.born_on == date(1960, 6, 2)
    assert aid == Result(
        card="A1", insurer_number="12990016", name="架空　一郎", kana="ｶｸｳ ｲﾁﾛｳ", sex="1", birthdate="19600602"
    )
    assert health.consents == (
        Consent("LimitApplicationCertificateRelated", "1", "20261110103200"),
        Consent("SpecificDiseasesCertificateRelated", "1", "20261110103200"),
        Consent("SpecificHealthCheckupsInfo", "0"),
        Consent("PharmacistsInfo", "1", "20261110103200", "20270305235959"),
        Consent("DiagnosisInfo", "1", "20261110103200", "20270120235959"),
        Consent("OperationInfo", "1", "20261110103200", "20270120235959"),
    )
    assert first.consents == health.consents


def test_a_consent_says_what_it_means_and_when() -> None:
    consents = {consent.flag.id: consent for consent in persons(the_file())[0].consents if consent.flag}
    assert {flag: consent.meaning for flag, consent in consents.items()} == {
        "surgery": Meaning.GIVEN,
        "clinical": Meaning.GIVEN,
        "drug": Meaning.GIVEN,
        "health_checkup": Meaning.NOT_GIVEN,
        "limit_amount": Meaning.GIVEN,
        "specific_disease": Meaning.GIVEN,
    }
    assert consents["surgery"].consented_at == at(2026, 11, 10, 10, 32, 0)
    assert consents["surgery"].available_until == at(2027, 1, 20, 23, 59, 59)
    assert consents["drug"].available_until == at(2027, 3, 5, 23, 59, 59)
    assert consents["limit_amount"].available_until is None, "none came, so none is shown"
    assert consents["health_checkup"].consented_at is None


@BOTH
def test_a_person_may_have_no_reference_number_and_an_expired_consent(encoding: Encoding) -> None:
    _, second = persons(the_file(encoding))
    assert second.references == ()
    assert second.validity == "2"
    (result,) = second.results
    assert result.name == "見本　髙子"
    assert result.kana == "ﾐﾎﾝ ﾀｶｺ"
    assert result.insurer_number == "  990010", "two blanks mean a number of 6 digits"
    assert {consent.name: consent.meaning for consent in result.consents} == {
        "LimitApplicationCertificateRelated": Meaning.NOT_GIVEN,
        "SpecificDiseasesCertificateRelated": Meaning.NOT_GIVEN,
        "SpecificHealthCheckupsInfo": Meaning.NOT_GIVEN,
        "PharmacistsInfo": Meaning.EXPIRED,
        "DiagnosisInfo": Meaning.NOT_GIVEN,
        "OperationInfo": Meaning.NOT_GIVEN,
    }


def test_the_odd_column_is_kept_beside_its_likely_meaning() -> None:
    flag = FLAGS["LimitApplicationCertificateRelated"]
    assert (flag.column, flag.likely) == ("特適", "限適")
    assert [flag.column for flag in FLAGS.values() if flag.column] == ["手術", "診療", "薬剤", "特健", "特適", "特疾"]


def test_what_the_list_does_not_show_is_not_read() -> None:
    assert "３４５" in SYNTHETIC
    assert "３４５" not in repr(reading(the_file()))


# --- variants that are tolerated -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "close"),
    [('<XmlMsg xmlns="http://example.invalid/x y">', "</XmlMsg>"), ('<q:XmlMsg xmlns:q="urn:q">', "</q:XmlMsg>")],
)
def test_namespaces_do_not_matter(root: str, close: str) -> None:
    text = SYNTHETIC.replace("<XmlMsg>", root).replace("</XmlMsg>", close)
    assert persons(the_file(text=text)) == persons(the_file())


def test_wrappers_may_stand_between_and_are_listed() -> None:
    unit, end = "<BulkConfirmUnit>", "</BulkConfirmUnit>"
    data = the_file(text=SYNTHETIC.replace(unit, f"<List a='1'>{unit}").replace(end, f"{end}</List>"))
    found = reading(data)
    assert found.answer == reading(the_file()).answer
    assert found.unknown == (Unknown("List", 2, line_of(unit)),)


def test_the_misspelt_time_is_read() -> None:
    text = SYNTHETIC.replace("DiagnosisInfoConsTime>", "DiagnosisInfoConsTim>")
    assert persons(the_file(text=text)) == persons(the_file())


@pytest.mark.parametrize(
    "element", ["SpecificDiseasesConsFlg", "PharmaceuticalInfoConsFlg", "PharmacistsInfoAcquisitionTime"]
)
def test_names_that_a_program_made_up_are_listed_and_not_read(element: str) -> None:
    found = reading(changed("<Sex1>", f"<{element}>1</{element}><Sex1>"))
    assert found.answer == reading(the_file()).answer
    assert [(unknown.name, unknown.count) for unknown in found.unknown] == [(element, 1)]


def test_new_flags_are_kept_by_name_and_mean_nothing_known() -> None:
    new = "<NewInfoConsFlg>7</NewInfoConsFlg><NewInfoConsTime>20261110103200</NewInfoConsTime>"
    known = "<AllergyInfoConsFlg>1</AllergyInfoConsFlg><AllergyInfoConsTime>20261110103200</AllergyInfoConsTime>"
    found = reading(changed("<Sex1>", f"{new}{known}<Sex1>"))
    assert isinstance(found.answer, Answer02)
    kept = {consent.name: consent for consent in found.answer.persons[0].consents}
    assert kept["NewInfo"] == Consent("NewInfo", "7", "20261110103200")
    assert (kept["NewInfo"].flag, kept["NewInfo"].meaning) == (None, Meaning.UNKNOWN)
    assert kept["AllergyInfo"].flag is FLAGS["AllergyInfo"]
    assert kept["AllergyInfo"].meaning is Meaning.UNKNOWN, "no source names its code table"
    assert found.problems == ()


def test_a_future_version_is_read_and_its_news_are_counted() -> None:
    news = "<Future><Deep>text</Deep><Deep/></Future>"
    found = reading(changed("<Sex1>", f"{news}<Sex1>"))
    assert found.answer == reading(the_file()).answer
    line = line_of("<Sex1>")
    assert found.unknown == (Unknown("Future", 1, line), Unknown("Deep", 2, line))


def test_a_wrapper_of_the_message_is_none_inside_a_person() -> None:
    found = reading(changed("<Sex1>", "<MessageBody/><Sex1>"))
    assert found.unknown == (Unknown("MessageBody", 1, line_of("<Sex1>")),)


def test_details_of_the_insurance_are_passed_over_with_all_that_is_in_them() -> None:
    detail = "<ElderlyRecipientCertificateInfo><Name>someone</Name><Anything/></ElderlyRecipientCertificateInfo>"
    found = reading(changed("<Sex1>", f"{detail}<Sex1>"))
    assert found == reading(the_file())


def test_a_person_may_have_no_result() -> None:
    found = persons(changed("<BulkConfirmUnit>", "<BulkConfirmUnit/><BulkConfirmUnit>"))
    assert found[0] == Person()
    assert found[1:] == persons(the_file())


@pytest.mark.parametrize("line_end", ["\r\n", "\r", ""])
def test_line_ends_do_not_matter(line_end: str) -> None:
    assert persons(the_file(text=SYNTHETIC.replace("\n", line_end))) == persons(the_file())


# --- letters -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", ["Shift_JIS", "shift_jis", "Windows-31J", "cp932", "x-sjis", "MS932"])
def test_shift_jis_has_many_names_and_always_means_windows(declared: str) -> None:
    data = SYNTHETIC.replace("UTF-8", declared).replace("見本　髙子", "﨑①Ⅲ髙").encode("cp932")
    assert persons(data)[1].results[0].name == "﨑①Ⅲ髙"


def test_a_name_may_have_letters_that_shift_jis_lacks() -> None:
    (result,) = persons(changed("見本　髙子", "髙﨑　𠮷"))[1].results
    assert result.name == "髙﨑　𠮷"


def test_a_mark_at_the_start_is_no_letter() -> None:
    assert reading(codecs.BOM_UTF8 + the_file()) == reading(the_file())


@BOTH
def test_without_a_declaration_the_bytes_tell(encoding: Encoding) -> None:
    text = SYNTHETIC.partition("\n")[2]
    found = reading(text.encode(encoding.codec))
    assert found.encoding is encoding
    assert isinstance(found.answer, Answer02)
    assert found.answer.persons == persons(the_file())


def test_the_character_code_in_the_header_decides_nothing() -> None:
    data = SYNTHETIC.replace("<CharacterCodeIdentifier>0<", "<CharacterCodeIdentifier>1<").encode()
    assert reading(data).encoding is Encoding.UTF_8


@pytest.mark.parametrize(
    ("data", "about"),
    [
        (SYNTHETIC.replace("UTF-8", "EUC-JP").encode("euc-jp", "replace"), "EUC-JP"),
        (SYNTHETIC.replace("UTF-8", "UTF-16").encode("utf-16"), "UTF-16"),
        (SYNTHETIC.encode("utf-16-le"), "UTF-16"),
        (codecs.BOM_UTF8 + SYNTHETIC.replace("UTF-8", "Shift_JIS").encode(), "Shift_JIS"),
    ],
    ids=short,
)
def test_other_encodings_are_refused_by_name(data: bytes, about: str) -> None:
    refused = refusal(data)
    assert (refused.reason, refused.line, refused.about) == (UnreadableReason.ENCODING, 1, about)


def test_a_false_declaration_is_refused_where_the_first_wrong_letter_stands() -> None:
    refused = refusal(SYNTHETIC.encode("cp932"))
    assert (refused.reason, refused.line) == (UnreadableReason.LETTERS, line_of("架空"))


def test_the_line_of_a_wrong_letter_is_right_behind_a_letter_cut_in_two() -> None:
    """Pieces are of 16 KiB: two of the three bytes of 髙 are in the first, the rest, a wrong one and a line end follow."""
    head = b'<?xml version="1.0" encoding="UTF-8"?>\n<XmlMsg><u>'
    data = head.ljust(16 * 1024 - 2) + "髙".encode() + b"\xff\n</u></XmlMsg>"
    refused = refusal(data)
    assert (refused.reason, refused.line) == (UnreadableReason.LETTERS, 2)


def test_letters_cut_by_the_border_of_two_pieces_stay_whole() -> None:
    for encoding in Encoding:
        for shift in range(4):
            padding = "<!--" + "x" * shift + "髙" * 9000 + "-->"
            text = SYNTHETIC.replace("<BulkConfirmUnit>", f"{padding}<BulkConfirmUnit>", 1)
            assert persons(the_file(encoding, text)) == persons(the_file(encoding))


# --- values that are odd: kept, listed, and never taken for known ones ----------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "odd", "person", "element", "raw"),
    [
        ("<OperationInfoConsFlg>1<", "<OperationInfoConsFlg>9<", Odd.CODE, 1, "OperationInfoConsFlg", "9"),
        ("RelatedConsFlg>1<", "RelatedConsFlg>2<", Odd.CODE, 1, "LimitApplicationCertificateRelatedConsFlg", "2"),
        ("<Sex1>2<", "<Sex1>0<", Odd.CODE, 2, "Sex1", "0"),
        ("<QualificationValidity>2<", "<QualificationValidity>7<", Odd.CODE, 2, "QualificationValidity", "7"),
        ("Classification>A1<", "Classification>B2<", Odd.CODE, 1, "InsuredCardClassification", "B2"),
        ("<Birthdate>19890108<", "<Birthdate>19890230<", Odd.DAY, 2, "Birthdate", "19890230"),
        ("<Birthdate>19890108<", "<Birthdate>S640108<", Odd.DAY, 2, "Birthdate", "S640108"),
        ("Number>  990010<", "Number>990010<", Odd.INSURER, 2, "InsurerNumber", "990010"),
        ("Number>06990014<", "Number>0699001A<", Odd.INSURER, 1, "InsurerNumber", "0699001A"),
        (
            "<OperationInfoAvailableTime>20270120235959<",
            "<OperationInfoAvailableTime>20270230235959<",
            Odd.TIME,
            1,
            "OperationInfoAvailableTime",
            "20270230235959",
        ),
        (
            "<OperationInfoConsTime>20261110103200<",
            "<OperationInfoConsTime>20261110<",
            Odd.TIME,
            1,
            "OperationInfoConsTime",
            "20261110",
        ),
        (
            "<ProcessExecutionTime>20261111090000<",
            "<ProcessExecutionTime>today<",
            Odd.TIME,
            0,
            "ProcessExecutionTime",
            "today",
        ),
        ("<SegmentOfResult>1<", "<SegmentOfResult>4<", Odd.CODE, 0, "SegmentOfResult", "4"),
    ],
)
def test_an_odd_value_is_kept_and_listed_with_its_line(
    before: str, after: str, odd: Odd, person: int, element: str, raw: str
) -> None:
    found = reading(changed(before, after))
    assert found.problems == (OddValue(odd, line_of(before), person, element, raw),)
    assert found.problem_count == 1
    assert repr(raw) in repr(found.answer)
    assert isinstance(found.answer, Answer02)
    assert len(found.answer.persons) == 2


def test_an_unknown_code_is_never_taken_for_a_known_one() -> None:
    data = changed("<OperationInfoConsFlg>1<", "<OperationInfoConsFlg>01<")
    consents = {consent.name: consent for consent in persons(data)[0].consents}
    assert consents["OperationInfo"].code == "01"
    assert consents["OperationInfo"].meaning is Meaning.UNKNOWN


def test_two_values_that_contradict_each_other_mean_nothing_known() -> None:
    place = "<OperationInfoConsFlg>1</OperationInfoConsFlg>"
    found = reading(changed(place, f"{place}<OperationInfoConsFlg>0</OperationInfoConsFlg>"))
    assert isinstance(found.answer, Answer02)
    consents = {consent.name: consent for consent in found.answer.persons[0].consents}
    assert consents["OperationInfo"].code == "1|0"
    assert consents["OperationInfo"].meaning is Meaning.UNKNOWN
    assert [problem.odd for problem in found.problems] == [Odd.REPEATED]
    assert reading(changed(place, place * 2)) == reading(the_file()), "the same value twice says one thing"


def test_results_that_differ_on_a_flag_both_stand() -> None:
    data = changed(
        "<PublicExpenseResultList>", "<OperationInfoConsFlg>0</OperationInfoConsFlg><PublicExpenseResultList>"
    )
    codes = [consent.code for consent in persons(data)[0].consents if consent.name == "OperationInfo"]
    assert codes == ["1", "0"]


@pytest.mark.parametrize(
    ("part", "odd"),
    [
        ("<OperationInfoConsFlg>1</OperationInfoConsFlg>", Odd.NO_CODE),
        ("<OperationInfoConsTime>20261110103200</OperationInfoConsTime>", Odd.NO_TIME),
    ],
)
def test_half_a_consent_is_listed(part: str, odd: Odd) -> None:
    found = reading(changed(part, ""))
    assert [(problem.odd, problem.element, problem.person) for problem in found.problems] == [(odd, "OperationInfo", 1)]


def test_no_more_problems_are_kept_than_anybody_reads() -> None:
    text = SYNTHETIC.replace("Flg>1<", "Flg>8<").replace("Flg>0<", "Flg>8<").replace("Flg>2<", "Flg>8<")
    found = reading(the_file(text=text), limits=Limits(problems=3))
    assert (len(found.problems), found.problem_count) == (3, 12)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "2026111010320",
        "202611101032000",
        "20261110103260",
        "20261110240000",
        "20261301000000",
        "00000000000000",
        "２０２６１１１０１０３２００",
    ],
)
def test_what_names_no_moment_is_none(raw: str) -> None:
    assert parse_time(raw) is None


def test_a_moment_is_japanese_time() -> None:
    assert parse_time("19700101090000") == 0
    assert parse_time("20240430235959") == at(2024, 4, 30, 23, 59, 59)


# --- which file it is ----------------------------------------------------------------------------------------------

ANSWER_01 = write(Answer01(Header(facility_code=STATION, key="SYNTHETIC-0001", segment="1", status="1"), "R0001"))


def test_the_first_answer_has_a_reception_number() -> None:
    answer = reading(ANSWER_01, filename="OQSmuhvq01res_202611110001.xml").answer
    assert isinstance(answer, Answer01)
    assert (answer.reception, answer.header.outcome) == ("R0001", Outcome.DONE)


@pytest.mark.parametrize(
    ("segment", "status", "outcome"),
    [
        ("1", "1", Outcome.DONE),
        ("", "1", Outcome.DONE),
        ("1", "", Outcome.DONE),
        ("2", "1", Outcome.PROCESSING),
        ("2", "", Outcome.PROCESSING),
        ("9", "1", Outcome.FAILED),
        ("1", "2", Outcome.FAILED),
        ("2", "2", Outcome.FAILED),
        ("3", "1", Outcome.UNKNOWN),
        ("1", "9", Outcome.UNKNOWN),
        ("1|2", "1", Outcome.UNKNOWN),
        ("", "", Outcome.UNKNOWN),
    ],
)
def test_how_it_ended(segment: str, status: str, outcome: Outcome) -> None:
    assert Header(segment=segment, status=status).outcome is outcome


def test_an_answer_without_anybody_is_an_answer() -> None:
    header = Header(facility_code=STATION, segment="2", status="1")
    assert reading(write(Answer02(header))).answer == Answer02(header)


def test_a_failed_first_answer_is_known_by_its_name() -> None:
    data = write(Answer02(Header(facility_code=STATION, status="2", code="X01", message="だめ")))
    first = reading(data, filename="OQSmuhvq01res_202611110001.xml")
    assert isinstance(first.answer, Answer01)
    assert first.problems == ()
    assert isinstance(reading(data).answer, Answer02)


def test_a_first_answer_that_went_well_has_a_number() -> None:
    data = write(Answer01(Header(facility_code=STATION, status="1")))
    assert [problem.odd for problem in reading(data).problems] == [Odd.NO_RECEPTION]


def test_the_answer_of_another_station_is_refused_with_its_code() -> None:
    refused = refusal(changed(STATION, "9960000017"))
    assert (refused.reason, refused.line, refused.about) == (
        UnreadableReason.WRONG_STATION,
        line_of(STATION),
        "9960000017",
    )
    assert refusal(ANSWER_01.replace(STATION.encode(), b"9960000017")).reason is UnreadableReason.WRONG_STATION


def test_persons_without_a_station_are_refused() -> None:
    assert refusal(changed(STATION, "")).reason is UnreadableReason.NO_STATION


@pytest.mark.parametrize(
    "data",
    [write(Request01(STATION, "K", date(2026, 11, 9), date(2026, 11, 11))), write(Request02(STATION, "R0001"))],
    ids=["01", "02"],
)
def test_a_request_is_told_from_an_answer(data: bytes) -> None:
    assert refusal(data).reason is UnreadableReason.REQUEST


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("OQSmuonq02res_202611110001.xml", UnreadableReason.OTHER_KIND),
        (r"C:\OQS\res\OQSmutic02res_202611110001.xml", UnreadableReason.OTHER_KIND),
        ("OQSsiquc01res_face_1.xml", UnreadableReason.OTHER_KIND),
        ("OQSmuhvq02req_202611110001.xml", UnreadableReason.REQUEST),
    ],
)
def test_another_inquiry_is_told_by_its_name(filename: str, reason: UnreadableReason) -> None:
    assert refusal(the_file(), filename=filename).reason is reason
    inner = filename.rpartition("\\")[2]
    assert refusal(zipped((inner, the_file())), filename="download.zip").reason is reason


@pytest.mark.parametrize(
    "text",
    [
        "<html><body/></html>",
        "<XmlMsg/>",
        "<XmlMsg><MessageHeader/><MessageBody/></XmlMsg>",
        "<XmlMsg><MessageBody><ResultList><ResultOfQualificationConfirmation/></ResultList></MessageBody></XmlMsg>",
    ],
)
def test_another_file_is_told_from_an_answer(text: str) -> None:
    assert refusal(text.encode()).reason is UnreadableReason.OTHER_KIND


@pytest.mark.parametrize(
    "body",
    [
        "<BulkConfirmUnit><BulkConfirmUnit/></BulkConfirmUnit>",
        "<BulkConfirmUnit>lost text</BulkConfirmUnit>",
        "<ProcessingResultStatus><b/>1</ProcessingResultStatus>",
        "<ProcessingResultStatus>1</ProcessingResultStatus><ReceptionNumber>1</ReceptionNumber><BulkConfirmUnit/>",
        f"<BulkConfirmUnit><{RESULT}><{RESULT}/></{RESULT}></BulkConfirmUnit>",
    ],
)
def test_what_cannot_stand_there_is_refused(body: str) -> None:
    refused = refusal(f"<XmlMsg>\n<MessageBody>\n{body}</MessageBody></XmlMsg>".encode())
    assert (refused.reason, refused.line) == (UnreadableReason.FORM, 3)


# --- files that are cut, broken or hostile -------------------------------------------------------------------------


@BOTH
def test_a_file_cut_anywhere_is_refused(encoding: Encoding) -> None:
    data = the_file(encoding).rstrip()
    reasons = {refusal(data[:length]).reason for length in range(0, len(data), 7)}
    assert reasons == {UnreadableReason.EMPTY, UnreadableReason.CUT_OFF}


def test_a_cut_is_told_with_its_line() -> None:
    data = the_file()[: SYNTHETIC.encode().index("見本".encode()) + 1]
    refused = refusal(data)
    assert (refused.reason, refused.line) == (UnreadableReason.CUT_OFF, line_of("見本"))


def test_a_broken_file_is_refused_where_it_breaks() -> None:
    refused = refusal(changed("</BulkConfirmUnit>", "</BulkUnit>"))
    assert (refused.reason, refused.line, refused.about) == (
        UnreadableReason.BROKEN,
        line_of("</BulkConfirmUnit>"),
        "mismatched tag",
    )


@pytest.mark.parametrize("data", [b"%PDF-1.7 ", b"GIF89a", b"name,kana\n", b"\0" * 100, b"PK"])
def test_what_is_neither_xml_nor_zip_is_refused(data: bytes) -> None:
    assert refusal(data).reason is UnreadableReason.NOT_XML


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    "doctype",
    [
        f'<!DOCTYPE XmlMsg [<!ENTITY l0 "ha">{LAUGHS}]><XmlMsg>&l11;</XmlMsg>',
        f'<!DOCTYPE XmlMsg [<!ENTITY a "{"a" * 9000}">]><XmlMsg>{"&a;" * 5000}</XmlMsg>',
        '<!DOCTYPE XmlMsg [<!ENTITY f SYSTEM "file:///etc/passwd">]><XmlMsg>&f;</XmlMsg>',
        '<!DOCTYPE XmlMsg SYSTEM "http://127.0.0.1:9/x.dtd"><XmlMsg/>',
        '<!DOCTYPE XmlMsg [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd">%p;]><XmlMsg/>',
        "<!DOCTYPE XmlMsg><XmlMsg/>",
    ],
    ids=short,
)
def test_an_xml_bomb_is_refused_before_it_is_lit(doctype: str) -> None:
    refused = refusal(f"<?xml version='1.0'?>\n{doctype}".encode())
    assert (refused.reason, refused.line) == (UnreadableReason.DOCTYPE, 2)


def test_an_entity_nobody_declared_breaks_the_file() -> None:
    assert refusal(changed("架空　一郎", "&name;")).reason is UnreadableReason.BROKEN


@pytest.mark.parametrize(
    ("before", "after", "limits", "about"),
    [
        ("<Sex1>", "<a>" * 40 + "</a>" * 40 + "<Sex1>", Limits(), "depth"),
        ("<Sex1>", "".join(f"<a{n}/>" for n in range(1001)) + "<Sex1>", Limits(), "names"),
        ("<Sex1>", "<a" + "".join(f" b{n}=''" for n in range(1001)) + "/><Sex1>", Limits(), "names"),
        ("<Sex1>", f"<{'a' * 1001}/><Sex1>", Limits(), "names"),
        ("<Sex1>", f"<a b='{'x' * 90_000}'/><Sex1>", Limits(), "token"),
        ("<Sex1>", f"<!--{'< ' * 45_000}--><Sex1>", Limits(), "token"),
        ("架空　一郎", "架" * 1001, Limits(), "Name"),
        ("<BulkConfirmUnit>", "<BulkConfirmUnit/>" * 20_001 + "<BulkConfirmUnit>", Limits(), "persons"),
        ("<BulkConfirmUnit>", "<BulkConfirmUnit/><BulkConfirmUnit>", Limits(persons=2), "persons"),
        (
            "<ReferenceNumber>",
            "<ReferenceNumber>x</ReferenceNumber>" * 20 + "<ReferenceNumber>",
            Limits(),
            "ReferenceNumber",
        ),
        (
            "<QualificationValidity>",
            f"<{RESULT}/>" * 20 + "<QualificationValidity>",
            Limits(),
            "results",
        ),
        ("<Sex1>", "".join(f"<X{n}ConsFlg/>" for n in range(101)) + "<Sex1>", Limits(), "consents"),
        ("<Sex1>", "".join(f"<Name>{n:0200}</Name>" for n in range(9)) + "<Sex1>", Limits(), "Name"),
        ("<Sex1>", "<a/>" * 50 + "<Sex1>", Limits(elements=60), "elements"),
    ],
    ids=short,
)
def test_more_than_a_real_file_has_is_refused(before: str, after: str, limits: Limits, about: str) -> None:
    refused = refusal(changed(before, after), limits=limits)
    assert (refused.reason, refused.about) == (UnreadableReason.TOO_MUCH, about)
    assert refused.line


def test_200_mb_are_refused_before_they_are_looked_at() -> None:
    data = bytes(200 * 1024 * 1024)
    assert refusal(data).reason is UnreadableReason.TOO_LARGE
    assert refusal(data, limits=Limits(file=len(data))).reason is UnreadableReason.NOT_XML


# --- ZIP -----------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_is_read_as_its_file(encoding: Encoding, method: int) -> None:
    data = the_file(encoding)
    assert reading(zipped((NAME, data), method=method), filename="a.zip") == reading(data)


def patched(data: bytes, offset: int, value: bytes) -> bytes:
    """Return a ZIP with a field changed in its directory, counted from the directory's first entry."""
    start = data.index(b"PK\x01\x02") + offset
    return data[:start] + value + data[start + len(value) :]


BOMB = zipped((NAME, bytes(64 * 1024 * 1024)))
GOOD = zipped((NAME, SYNTHETIC.encode()))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (zipped(), UnreadableReason.ZIP_ENTRIES),
        (zipped((NAME, b"<a/>"), ("b.xml", b"<a/>")), UnreadableReason.ZIP_ENTRIES),
        (zipped((NAME, b"<a/>"), ("readme.txt", b"")), UnreadableReason.ZIP_ENTRIES),
        (zipped(*((f"{n}.xml", b"") for n in range(200))), UnreadableReason.ZIP_ENTRIES),
        (zipped(("folder/", b""), (NAME, b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped((f"res/{NAME}", b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped(("../../etc/cron.d/a.xml", b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped(("/etc/a.xml", b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped(("C:a.xml", b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped(("..\\a.xml", b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped((".xml", b"<a/>")), UnreadableReason.ZIP_PATH),
        (zipped(("answer.txt", b"<a/>")), UnreadableReason.ZIP_NAME),
        (zipped(("inner.zip", GOOD)), UnreadableReason.ZIP_NAME),
        (zipped(("inner.xml", GOOD)), UnreadableReason.NOT_XML),
        (zipped((NAME, b"")), UnreadableReason.NOT_XML),
        (zipped((NAME, b"<a/>"), method=zipfile.ZIP_LZMA), UnreadableReason.ZIP_BROKEN),
        (zipped((NAME, b"<a/>"), method=zipfile.ZIP_BZIP2), UnreadableReason.ZIP_BROKEN),
        (patched(GOOD, 8, b"\x01\x00"), UnreadableReason.ZIP_LOCKED),
        (patched(GOOD, 16, b"\0\0\0\0"), UnreadableReason.ZIP_BROKEN),
        (BOMB, UnreadableReason.TOO_LARGE),
        (patched(BOMB, 24, b"\x10\0\0\0"), UnreadableReason.ZIP_BROKEN),
        (patched(GOOD, 24, b"\xff\xff\xff\x7f"), UnreadableReason.TOO_LARGE),
        (GOOD[: len(GOOD) // 2], UnreadableReason.ZIP_BROKEN),
        (GOOD[:-1], UnreadableReason.ZIP_BROKEN),
        (b"PK\x03\x04" + bytes(100), UnreadableReason.ZIP_BROKEN),
    ],
    ids=short,
)
def test_a_zip_that_is_not_one_plain_file_is_refused(data: bytes, reason: UnreadableReason) -> None:
    assert refusal(data, filename="a.zip").reason is reason


def test_many_entries_are_refused_before_they_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    many = zipped(*((f"{n}.xml", b"") for n in range(200)))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refusal(many).reason is UnreadableReason.ZIP_ENTRIES


def test_a_bomb_is_small_before_it_goes_off() -> None:
    assert len(BOMB) < 100 * 1024


def test_a_zip_may_not_lie_about_how_much_is_in_it() -> None:
    """A directory that promises less than there is ends in a wrong checksum; a true checksum shows the short text."""
    short = SYNTHETIC.encode()[:100]
    lying = patched(GOOD, 16, zlib.crc32(short).to_bytes(4, "little"))
    lying = patched(lying, 24, len(short).to_bytes(4, "little"))
    assert refusal(lying).reason is UnreadableReason.CUT_OFF


# --- writing -------------------------------------------------------------------------------------------------------


@BOTH
def test_the_first_request_asks_for_a_window(encoding: Encoding) -> None:
    request = Request01(STATION, "SYNTHETIC-0001", date(2026, 11, 9), date(2026, 11, 11))
    data = write(request, encoding)
    text = data.decode(encoding.codec)
    assert text.startswith(f'<?xml version="1.0" encoding="{encoding}" standalone="no"?>\n<XmlMsg>\n<MessageHeader>\n')
    assert "".join(text.splitlines()[1:]) == (
        "<XmlMsg><MessageHeader><MedicalInstitutionCode>9960000009</MedicalInstitutionCode>"
        "<ArbitraryFileIdentifier>SYNTHETIC-0001</ArbitraryFileIdentifier></MessageHeader>"
        "<MessageBody><QualificationConfirmSearchInfo><ConsentDateFrom>20261109</ConsentDateFrom>"
        "<ConsentDateTo>20261111</ConsentDateTo><MedicalTreatmentFlag>2</MedicalTreatmentFlag>"
        "</QualificationConfirmSearchInfo></MessageBody></XmlMsg>"
    )
    assert read_request(data) == request


def test_the_second_request_asks_for_a_number() -> None:
    request = Request02(STATION, "R-0001")
    assert b"<ReceptionNumber>R-0001</ReceptionNumber>" in write(request)
    assert read_request(write(request), filename="OQSmuhvq02req_202611110001.xml") == request


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"<MedicalTreatmentFlag>2<", b"<MedicalTreatmentFlag>3<", UnreadableReason.OTHER_KIND),
        (b"20261109", b"20261112", UnreadableReason.FORM),
        (b"20261109", b"20261131", UnreadableReason.FORM),
        (STATION.encode(), b"", UnreadableReason.NO_STATION),
    ],
)
def test_a_request_that_asks_otherwise_is_refused(before: bytes, after: bytes, reason: UnreadableReason) -> None:
    data = write(Request01(STATION, "K", date(2026, 11, 9), date(2026, 11, 11)))
    with pytest.raises(UnreadableFile) as refused:
        read_request(data.replace(before, after))
    assert refused.value.reason is reason


def test_a_request_without_a_number_asks_nothing() -> None:
    with pytest.raises(ValueError, match="no number"):
        Request02(STATION, "")
    with pytest.raises(UnreadableFile) as refused:
        read_request(write(Request02(STATION, "R0001")).replace(b"R0001", b""))
    assert (refused.value.reason, refused.value.line) == (UnreadableReason.FORM, 7)


def test_an_answer_is_no_request() -> None:
    for data in (the_file(), ANSWER_01):
        with pytest.raises(UnreadableFile) as refused:
            read_request(data)
        assert refused.value.reason is UnreadableReason.OTHER_KIND


def test_a_window_has_an_order() -> None:
    with pytest.raises(ValueError, match="ends before"):
        Request01(STATION, "K", date(2026, 11, 11), date(2026, 11, 9))


@pytest.mark.parametrize("letter", ["𠮷", "é", "〜", "−", "\0", "\ud800", "\ufffe"])
def test_a_letter_that_would_be_lost_stops_the_writing_with_its_name(letter: str) -> None:
    with pytest.raises(Unwritable) as stopped:
        write(Request02(STATION, f"A{letter}"), Encoding.SHIFT_JIS)
    assert stopped.value.letter == letter
    assert stopped.value.name == unicodedata.name(letter, f"U+{ord(letter):04X}")


def test_utf_8_has_every_letter() -> None:
    assert read_request(write(Request02(STATION, "𠮷é〜<&>"), Encoding.UTF_8)) == Request02(STATION, "𠮷é〜<&>")
    with pytest.raises(Unwritable):
        write(Request02(STATION, "\x01"), Encoding.UTF_8)


@BOTH
def test_the_synthetic_answer_written_again_says_the_same(encoding: Encoding) -> None:
    answer = reading(the_file(encoding)).answer
    written = write(answer, encoding)
    assert reading(written).answer == answer
    assert write(reading(written).answer, encoding) == written


def test_a_file_name_has_kind_day_and_counter() -> None:
    assert file_name(FileKind.REQUEST_01, date(2026, 11, 11), 1) == "OQSmuhvq01req_202611110001.xml"
    assert file_name(FileKind.ANSWER_02, date(2026, 1, 2), 9999) == "OQSmuhvq02res_202601029999.xml"
    for counter in (0, 10000):
        with pytest.raises(ValueError, match="four digits"):
            file_name(FileKind.REQUEST_01, date(2026, 11, 11), counter)


@pytest.mark.parametrize(
    ("one", "other"),
    [("ｶｸｳ ｲﾁﾛｳ", "カクウ　イチロウ"), ("Ａ〜Ｂ", "A～B"), ("ｶﾞﾊﾟ", "ガパ"), (" １８７\u3000", "187")],
)
def test_two_spellings_of_a_text_compare_equal(one: str, other: str) -> None:
    assert comparable(one) == comparable(other)


def test_what_is_compared_has_single_spaces() -> None:
    assert comparable(" 練習　 花子〜 ") == "練習 花子~"
