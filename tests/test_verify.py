"""The verifier finds whatever was done to a log, given one copy, and needs nothing of ours to do so."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import app.verify
from app.ports.store import Logged
from app.rules.record.event import Event, EventType, Json
from app.rules.record.evidence import Head, body_hash, canonical, chained
from app.verify import Broken, Held, mac_of, verify
from tests.adapters.samples import FACILITY
from tests.rules.visits import NOW

MUTATIONS = 2_500


def a_log(length: int, *, of: str = "agree") -> tuple[list[bytes], Head]:
    """Return the exported lines of a chain, and the head that its copies carry."""
    head, lines = Head(), []
    for number in range(length):
        event = Event(EventType.CONFIRMED, NOW + number, {"surgery": of, "note": "面談\n", "n": number})
        entry, nonce, head = chained(head, FACILITY.id, f"visit-{number % 3}", event)
        lines.append(Logged(entry, head.hash, nonce.hex(), event.body).line())
    return lines, head


LOG, HEAD = a_log(20)


def is_found(lines: list[bytes], head: str = str(HEAD)) -> bool:
    try:
        verify(lines, head)
    except Broken:
        return True
    return False


def edited(line: bytes, **changes: Json) -> bytes:
    return canonical(json.loads(line) | changes) + b"\n"


def test_it_works() -> None:
    assert verify(LOG, str(HEAD)) == Held(20, 0, HEAD.hash)


def test_it_agrees_with_what_writes_the_log() -> None:
    for number in (0, 1, 7):
        lines, head = a_log(number)
        assert verify(lines, str(head)) == Held(head.size, 0, head.hash)
    assert app.verify.canonical({"é": [1, None, "面"]}) == canonical({"é": [1, None, "面"]})
    row = json.loads(LOG[3])
    assert row["body_hash"] == body_hash(bytes.fromhex(row["nonce"]), row["body"])


def test_a_later_log_still_holds_an_earlier_copy() -> None:
    middle = json.loads(LOG[9])
    assert verify(LOG, f"10-{middle['hash']}").size == 20


def with_more(*events: tuple[str, Event]) -> tuple[list[bytes], Head]:
    """Return the log with more entries behind it, and its head."""
    head, lines = HEAD, list(LOG)
    for subject, event in events:
        entry, nonce, head = chained(head, FACILITY.id, subject, event)
        lines.append(Logged(entry, head.hash, nonce.hex(), event.body).line())
    return lines, head


def bare(lines: list[bytes], *places: int) -> list[bytes]:
    """Return a log in which these entries (from 1) have no body."""
    return [edited(line, nonce=None, body=None) if n in places else line for n, line in enumerate(lines, 1)]


def over(kind: EventType, **body: Json) -> Event:
    return Event(kind, NOW, body)


@pytest.mark.parametrize(
    ("subject", "event"),
    [
        ("visit-0", over(EventType.EXPIRED)),
        ("visit-0", over(EventType.PURGED)),
        ("visit-0", over(EventType.ERASED, by="x")),
        ("visit-0", over(EventType.ERASED, by="x", bodies=[1, 4])),
        ("record", over(EventType.KEYED, without_body=[1, 4])),
        ("record", over(EventType.RESTORED, without_body=[4, 1])),
    ],
    ids=str,
)
def test_a_body_may_be_missing_when_a_later_entry_says_why(subject: str, event: Event) -> None:
    lines, head = with_more((subject, event))
    assert verify(bare(lines, 1, 4), str(head)) == Held(21, 2, head.hash)
    assert is_found(
        bare(lines, 1, 4, 7) if "bodies" in str(event.body) or subject == "record" else bare(lines, 2), str(head)
    )


@pytest.mark.threat("T27")
@pytest.mark.parametrize("kind", [EventType.CLOSED, EventType.LEFT, EventType.ENDED])
def test_a_body_may_not_be_missing_otherwise(kind: EventType) -> None:
    lines, head = with_more(("visit-0", over(kind)))
    assert is_found(bare(lines, 1), str(head))
    assert is_found(bare(LOG, 20))


def test_an_entry_explains_only_what_comes_before_it() -> None:
    lines, head = with_more(("visit-0", over(EventType.PURGED)), ("visit-0", over(EventType.CLOSED)))
    assert is_found(bare(lines, 22), str(head))


# --- the record key -----------------------------------------------------------------------------------------


KEY = b"a key of 32 letters or more, for MACs"


def with_macs(lines: list[bytes], since: int = 1) -> list[bytes]:
    return [
        edited(line, mac=mac_of(KEY, json.loads(line)["hash"])) if n >= since else line
        for n, line in enumerate(lines, 1)
    ]


@pytest.mark.threat("T34")
def test_with_the_key_every_mac_is_checked() -> None:
    for lines in (with_macs(LOG), with_macs(LOG, since=9)):
        assert verify(lines, str(HEAD), KEY) == verify(lines, str(HEAD)) == Held(20, 0, HEAD.hash)
        with pytest.raises(Broken, match="not written with the record key"):
            verify(lines, str(HEAD), b"another key")
    with pytest.raises(Broken, match="line 20: no MAC"):
        verify(LOG, str(HEAD), KEY)
    with pytest.raises(Broken, match="line 20: no MAC behind"):
        verify([*with_macs(LOG)[:19], LOG[19]], str(HEAD))
    with pytest.raises(Broken, match="line 3: the MAC is wrong"):
        verify([*with_macs(LOG)[:2], edited(LOG[2], mac="0" * 64), *with_macs(LOG)[3:]], str(HEAD), KEY)


def test_a_log_from_before_there_were_macs_is_read() -> None:
    older = [
        canonical({name: said for name, said in json.loads(line).items() if name != "mac"}) + b"\n" for line in LOG
    ]
    assert verify(older, str(HEAD)) == Held(20, 0, HEAD.hash)


# --- tampering ----------------------------------------------------------------------------------------------


def change_a_byte(lines: list[bytes], dice: random.Random) -> list[bytes]:
    number = dice.randrange(len(lines))
    line = bytearray(lines[number])
    place = dice.randrange(len(line))
    line[place] ^= dice.randrange(1, 256)
    return [*lines[:number], bytes(line), *lines[number + 1 :]]


def cut_a_byte(lines: list[bytes], dice: random.Random) -> list[bytes]:
    number = dice.randrange(len(lines))
    line, place = lines[number], dice.randrange(len(lines[number]))
    return [*lines[:number], line[:place] + line[place + 1 :], *lines[number + 1 :]]


def add_a_byte(lines: list[bytes], dice: random.Random) -> list[bytes]:
    number = dice.randrange(len(lines))
    line, place = lines[number], dice.randrange(len(lines[number]) + 1)
    return [*lines[:number], line[:place] + dice.randbytes(1) + line[place:], *lines[number + 1 :]]


def delete_a_row(lines: list[bytes], dice: random.Random) -> list[bytes]:
    number = dice.randrange(len(lines))
    return [*lines[:number], *lines[number + 1 :]]


def insert_a_row(lines: list[bytes], dice: random.Random) -> list[bytes]:
    number = dice.randrange(len(lines) - 1)
    return [*lines[:number], dice.choice(lines), *lines[number:]]


def swap_two_rows(lines: list[bytes], dice: random.Random) -> list[bytes]:
    one, two = dice.sample(range(len(lines)), 2)
    swapped = list(lines)
    swapped[one], swapped[two] = lines[two], lines[one]
    return swapped


def cut_the_tail(lines: list[bytes], dice: random.Random) -> list[bytes]:
    return lines[: dice.randrange(len(lines))]


def make_it_anew(lines: list[bytes], dice: random.Random) -> list[bytes]:
    return a_log(len(lines), of=dice.choice(["agree", "decline"]))[0]


def change_and_chain_anew(lines: list[bytes], dice: random.Random) -> list[bytes]:
    """Move one time, and make every hash anew, as only who holds the database can."""
    rows = [json.loads(line) for line in lines]
    chosen, head = dice.randrange(len(rows)), Head()
    for number, row in enumerate(rows):
        at = row["at"] + (number == chosen)
        entry, nonce, head = chained(head, row["facility"], row["visit"], Event(EventType.CONFIRMED, at, row["body"]))
        rows[number] = Logged(entry, head.hash, nonce.hex(), row["body"]).line()
    return rows


TAMPERING: list[Callable[[list[bytes], random.Random], list[bytes]]] = [
    change_a_byte,
    cut_a_byte,
    add_a_byte,
    delete_a_row,
    insert_a_row,
    swap_two_rows,
    cut_the_tail,
    make_it_anew,
    change_and_chain_anew,
]


@pytest.mark.threat("T17")
@pytest.mark.parametrize("tamper", TAMPERING, ids=lambda each: each.__name__)
def test_tampering_is_found(tamper: Callable[[list[bytes], random.Random], list[bytes]]) -> None:
    dice = random.Random(1)
    missed = 0
    for _ in range(MUTATIONS // len(TAMPERING) + 1):
        lines = tamper(LOG, dice)
        missed += lines != LOG and not is_found(lines)
    assert missed == 0


@pytest.mark.threat("T17")
@pytest.mark.parametrize("tamper", [cut_the_tail, make_it_anew, change_and_chain_anew])
def test_without_a_copy_it_would_be_missed(
    tamper: Callable[[list[bytes], random.Random], list[bytes]],
) -> None:
    lines = tamper(LOG, random.Random(1))
    assert lines != LOG
    assert not is_found(lines, head="")


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": True},
        {"seq": 4.0},
        {"seq": "4"},
        {"at": None},
        {"visit": 3},
        {"facility": "another"},
        {"nonce": None},
        {"body": None},
        {"body": []},
        {"nonce": "0" * 31},
        {"hash": "A" * 64},
        {"prev_hash": None},
        {"more": 1},
    ],
    ids=str,
)
def test_a_field_of_the_wrong_kind_is_found(changes: dict[str, Json]) -> None:
    assert is_found([*LOG[:3], edited(LOG[3], **changes), *LOG[4:]])


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"null\n",
        b"[]\n",
        b"NaN\n",
        b"\xff\n",
        b'"\\ud800"\n',
        b"[" * 5000 + b"\n",
        b"1" * 5000 + b"\n",
        LOG[0].rstrip(b"\n"),
        LOG[0].replace(b":", b": ", 1),
        LOG[0].replace(b'"seq":1', b'"seq":1,"seq":1'),
    ],
    ids=lambda line: str(line[:12]),
)
def test_a_line_that_the_export_would_not_write_is_found(line: bytes) -> None:
    assert is_found([line, *LOG[1:]])


@pytest.mark.parametrize(
    "head",
    ["20", "20-", f"x-{HEAD.hash}", f"２０-{HEAD.hash}", f"{HEAD} ", f"20-{'A' * 64}"],
    ids=["no hash", "empty hash", "no number", "wide digits", "a space", "capitals"],
)
def test_a_head_that_no_copy_carries_is_refused(head: str) -> None:
    with pytest.raises(Broken, match="SIZE-HASH"):
        verify(LOG, head)


# --- the command --------------------------------------------------------------------------------------------


@pytest.fixture
def alone(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a way to run a copy of the file where nothing of ours is in reach."""
    copy = shutil.copy(Path(app.verify.__file__), tmp_path)

    def run(lines: list[bytes], *options: str) -> subprocess.CompletedProcess[str]:
        log = tmp_path / "log.jsonl"
        log.write_bytes(b"".join(lines))
        command = [sys.executable, "-I", "-S", copy, str(log), *options]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    return run


def test_the_file_alone_checks_a_log(alone: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    held = alone(LOG, "--head", str(HEAD))
    assert (held.returncode, held.stderr) == (0, "")
    assert held.stdout.startswith("OK: 20 entries (0 without body), whole up to the copy")
    assert "only a copy shows" in alone(LOG).stdout
    cut = alone(LOG[:-1], "--head", str(HEAD))
    assert (cut.returncode, cut.stdout) == (1, "BROKEN: line 20: missing; the copy promises 20 entries\n")
    assert alone(LOG, "--head", "nonsense").returncode == 1


def test_it_reads_like_one_page() -> None:
    source = Path(app.verify.__file__).read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 200
    assert "from app" not in source
    assert "import app" not in source


def test_a_bare_entry_is_no_log_line() -> None:
    entry, _, head = chained(Head(), FACILITY.id, "v", Event(EventType.OPENED, NOW, {}))
    logged = Logged(entry, head.hash, None, None)
    with pytest.raises(Broken, match="line 1: the body is not there"):
        verify([logged.line()], str(head))
    assert is_found([replace(logged, hash="0" * 64).line()], str(head))
