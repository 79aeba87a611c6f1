"""The reader against damaged files: good ones are cut, mixed and bent; it answers or refuses, and nothing else."""

from __future__ import annotations

import io
import random
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest

from app.rules.terminal.read import read
from app.rules.terminal.values import FLAGS, Answer01, Answer02, Encoding, Header, Meaning, Reading, UnreadableFile
from app.rules.terminal.write import write
from tests.rules.terminal.test_terminal import STATION, SYNTHETIC, the_file
from tests.rules.terminal.test_terminal_round import answer

FILES: Final = 4_000
"""In `make check`; a bench gives seconds instead."""
MIB: Final = 1024 * 1024
TOKENS: Final = (
    *(
        b"<",
        b">",
        b"</",
        b"/>",
        b"&",
        b"&#0;",
        b"&amp;",
        b"&a;",
        b"]]>",
        b"<![CDATA[",
        b"<!--",
        b"-->",
        b"<?x",
        b"?>",
        b"<p:",
    ),
    *(b"\0", b"\xff", b"\x81", b"\xfc", b"\xef\xbb\xbf", b' xmlns="u"', b" xmlns:p='u'", b'encoding="UTF-16"'),
    *(b'encoding="Shift_JIS"', b"standalone='yes'", b"PK\x01\x02", b"PK\x05\x06", b"\xff\xff\xff\xff", b"../"),
)
ELEMENTS: Final = (
    *(b'<!DOCTYPE XmlMsg [<!ENTITY a "b">]>', b"<BulkConfirmUnit>", b"</BulkConfirmUnit>", b"<BulkConfirmUnit/>"),
    *(
        b"<ResultOfQualificationConfirmation/>",
        b"<ReceptionNumber>1</ReceptionNumber>",
        b"<ReferenceNumber>1</ReferenceNumber>",
    ),
    *(
        b"<QualificationConfirmSearchInfo/>",
        b"<XConsFlg>1</XConsFlg>",
        b"<XConsTim>2026</XConsTim>",
        b"<XAvailableTime/>",
    ),
    *(
        b"<Sex1>3</Sex1>",
        b"<InsurerNumber>\n  1</InsurerNumber>",
        b"<Name>&#13;a\r\nb</Name>",
        b"<New><New>text</New></New>",
    ),
    *(b"<MedicalTicketInfo><Name>x</Name></MedicalTicketInfo>", b"<SegmentOfResult>2</SegmentOfResult>", b"text"),
    *(
        b"<MedicalInstitutionCode>1</MedicalInstitutionCode>",
        b"<PharmaceuticalInfoConsFlg>1</PharmaceuticalInfoConsFlg>",
    ),
)


@lru_cache(maxsize=1)
def seeds() -> tuple[bytes, ...]:
    """Return good files of every kind."""
    dice = random.Random(1)
    answers = [write(answer(dice, encoding), encoding) for encoding in Encoding for _ in range(20)]
    first = write(Answer01(Header(facility_code=STATION, segment="1", status="1"), "R0001"))
    files = [the_file(encoding) for encoding in Encoding]
    return (*files, *map(zipped, files), *answers, first, *map(zipped, answers[:4]))


def zipped(data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("OQSmuhvq02res_202611110001.xml"), data, method)
    return packed.getvalue()


def cut(data: bytes, dice: random.Random) -> bytes:
    return data[: dice.randrange(len(data) + 1)]


def bend(data: bytes, dice: random.Random) -> bytes:
    bent = bytearray(data)
    for _ in range(dice.choice([1, 1, 2, 8])):
        bent[dice.randrange(len(bent))] = dice.randrange(256)
    return bytes(bent)


def insert(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data) + 1)
    return data[:place] + dice.choice(TOKENS) * dice.choice([1, 1, 1, 50]) + data[place:]


def lose(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    return data[:place] + data[place + dice.choice([1, 1, 2, 40, 400]) :]


def repeat(data: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(data))
    end = place + dice.choice([1, 40, 400])
    return data[:end] + data[place:end] * dice.choice([1, 2, 30]) + data[end:]


def mix(data: bytes, dice: random.Random) -> bytes:
    other = dice.choice(seeds())
    return cut(data, dice) + other[dice.randrange(len(other)) :]


def lose_element(data: bytes, dice: random.Random) -> bytes:
    """Lose or repeat a part between two tags, so that the file often stays well-formed."""
    tags = data.split(b"<")
    place = dice.randrange(len(tags))
    end = place + dice.choice([1, 2, 2, 4])
    return b"<".join(tags[:place] + tags[place:end] * dice.choice([0, 2]) + tags[end:])


def add_element(data: bytes, dice: random.Random) -> bytes:
    """Add something where a tag begins, so that the file often stays well-formed."""
    tags = data.split(b"<")
    place = dice.randrange(1, len(tags)) if len(tags) > 1 else 0
    tags[place] = dice.choice(ELEMENTS).removeprefix(b"<") + b"<" + tags[place]
    return b"<".join(tags)


def change_value(data: bytes, dice: random.Random) -> bytes:
    tags = data.split(b">")
    place = dice.randrange(len(tags))
    _, mark, tag = tags[place].rpartition(b"<")
    value = dice.choice([b"", b"0", b"2", b"3", b"99", b"  1", b"20261399999999", b"2026", "𠮷".encode(), b"x" * 990])
    tags[place] = value + mark + tag
    return b">".join(tags)


def pack(data: bytes, dice: random.Random) -> bytes:
    return zipped(data, dice.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]))


HARMS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    *(cut, bend, insert, lose, repeat, mix, pack),
    *(lose_element, add_element, change_value) * 3,
)


def damaged(dice: random.Random) -> bytes:
    """Return a good file to which one to four things have happened."""
    data = dice.choice(seeds())
    for _ in range(dice.choice([1, 1, 1, 2, 4])):
        data = dice.choice(HARMS)(data, dice) or b"<"
    return data


def outcome(data: bytes) -> str:
    """Return what became of a file: read, or why it was refused. Anything else that happens is a fault."""
    try:
        found = read(data, facility_code=STATION)
    except UnreadableFile as fault:
        refused = fault
    else:
        must_be_sound(found)
        return "read"
    assert refused.line is None or refused.line >= 1
    return refused.reason


def must_be_sound(found: Reading) -> None:
    """Check what holds for whatever was read: it is ours, no meaning is made up, and it can be written and read again."""
    assert found.answer.header.facility_code in {STATION, ""}
    assert found.problem_count >= len(found.problems)
    if isinstance(found.answer, Answer02):
        assert found.answer.header.facility_code or not found.answer.persons
        for person in found.answer.persons:
            for consent in person.consents:
                assert consent.meaning is Meaning.UNKNOWN or consent.code in FLAGS[consent.name].codes
    again = read(write(found.answer, Encoding.UTF_8), facility_code=STATION)
    assert again.answer == found.answer
    assert not again.unknown


def fuzz(rand: random.Random, files: int) -> Counter[str]:
    """Read so many damaged files; return how often each outcome was seen."""
    seen: Counter[str] = Counter()
    while seen.total() < files:
        data = damaged(rand)
        try:
            seen[outcome(data)] += 1
        except Exception as fault:
            fault.add_note(f"after {seen.total()} files, on {data!r}")
            raise
    return seen


def test_damaged_files_are_read_or_refused() -> None:
    seen = fuzz(random.Random(2026), FILES)
    assert seen.total() == FILES
    assert seen["read"] > FILES / 20, "too few survive: the reader's inner half is not tried"
    assert {"cut_off", "broken", "letters", "doctype", "form", "request", "wrong_station", "zip_broken"} <= seen.keys()


# --- how much memory the largest files take --------------------------------------------------------------------------

HEAD: Final = f"<XmlMsg><MessageHeader><MedicalInstitutionCode>{STATION}</MedicalInstitutionCode></MessageHeader><MessageBody><SegmentOfResult>1</SegmentOfResult>"
TAIL: Final = "</MessageBody></XmlMsg>"
RESULT: Final = "ResultOfQualificationConfirmation"


def within(inner: str) -> bytes:
    """Return an answer with this in it."""
    return (HEAD + inner + TAIL).encode()


def largest(unit: str, count: int = 32 * MIB) -> bytes:
    """Return as many units as a file may hold."""
    size = len(unit.encode())
    return within(unit * min(count, (32 * MIB - len(HEAD + TAIL)) // size))


def person(inner: str) -> str:
    return f"<BulkConfirmUnit><{RESULT}>{inner}</{RESULT}></BulkConfirmUnit>"


def synthetic_persons(count: int) -> bytes:
    begins, ends = SYNTHETIC.index("<BulkConfirmUnit>"), SYNTHETIC.rindex("</MessageBody>")
    return (SYNTHETIC[:begins] + SYNTHETIC[begins:ends] * (count // 2) + SYNTHETIC[ends:]).encode()


LARGE: Final[dict[str, Callable[[], bytes]]] = {
    "5000 persons": lambda: synthetic_persons(5_000),
    "18000 persons": lambda: synthetic_persons(18_000),
    "consents": lambda: largest(person("".join(f"<X{n}ConsFlg>x{n}</X{n}ConsFlg>" for n in range(40))), 20_000),
    "results": lambda: largest(f"<BulkConfirmUnit>{f'<{RESULT}><Name>髙x</Name></{RESULT}>' * 20}</BulkConfirmUnit>"),
    "problems": lambda: largest(person("<Sex1>99</Sex1>" * 60)),
    "unknown": lambda: largest("".join(f"<a{n}/>" for n in range(900))),
    "names": lambda: within("".join(f"<a{n}/>" for n in range(2_000_000))),
    "attributes": lambda: largest(f"<a{''.join(f' a{n}={chr(34) * 2}' for n in range(900))}/>"),
    "prefixes": lambda: largest(f"<a{''.join(f' xmlns:p{n}={chr(34)}u{chr(34)}' for n in range(2000))}/>"),
    "a text": lambda: largest(f"<u>{'y' * MIB}</u>"),
    "a comment": lambda: within("<!--" + "< " * (15 * MIB) + "-->"),
    "a tag": lambda: within("<a" + " b=''" * (6 * MIB) + "/>"),
    "a zip": lambda: zipped(largest("<a/>")),
    "a zip of zeros": lambda: zipped(bytes(300 * MIB)),
}
CHILD: Final = """
import sys, time
from pathlib import Path
from app.rules.terminal.read import read
from app.rules.terminal.values import UnreadableFile
data = Path(sys.argv[1]).read_bytes()
begun = time.process_time()
try:
    read(data, facility_code=sys.argv[2])
except UnreadableFile:
    pass
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(peak.split()[1], time.process_time() - begun)
"""


@pytest.mark.slow
@pytest.mark.parametrize("which", LARGE)
def test_the_largest_files_are_read_in_bounded_memory_and_time(which: str, tmp_path: Path) -> None:
    """The whole process, interpreter and file included, as the system counts it."""
    path = tmp_path / "large"
    path.write_bytes(LARGE[which]())
    command = [sys.executable, "-c", CHILD, str(path), STATION]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    kib, seconds = ended.stdout.split()
    assert int(kib) < 250 * 1024
    assert float(seconds) < 15
