"""People in a station's list, as a taken file leaves them there."""

from __future__ import annotations

from app.main import PRACTICE_STATION, Kazasu
from app.rules.terminal.consent_list import By, Incoming, Insured, ListedPerson, PersonNames, Search
from app.rules.terminal.exchange import MergeOutcome, Stage, Upload
from app.rules.terminal.preview import preview
from app.rules.terminal.values import Answer02, Encoding, Header, Reading
from app.tokens import new_secret
from tests.rules.people import LISTED, TARO, a_consent, a_person, insured
from tests.rules.visits import NOW

DAY = 86_400
LONG = PersonNames("練習寺小路　長左衛門之介信綱源頼朝光圀家康公", "ﾚﾝｼｭｳｼﾞｺｳｼﾞ ﾁｮｳｻﾞｴﾓﾝﾉｽｹﾉﾌﾞﾂﾅ", "19500102", "1")
HANAKO = PersonNames("見本　花子", "ﾐﾎﾝ ﾊﾅｺ", "19890107", "2")
EVIL = PersonNames("<script>alert(1)</script>", "=cmd|'/c calc'!A1", "19700101", "3")
FORMULA = PersonNames('=HYPERLINK("http://x.example/")', "＋ｲﾁ", "19320401", "9")
WAVE = PersonNames("波〜子", "ﾅﾐｺ", "20100505", "2")


def odd_people(now: int = NOW) -> list[Incoming]:
    """Return one of each kind of person that a list must be able to show."""
    soon, far = now + 3 * DAY, now + 90 * DAY
    return [
        a_person("A-0001", names=TARO, results=(insured(until=far, at=now - DAY),)),
        a_person("B-0002", "B-0002-OLD", names=LONG, results=(insured(until=soon, at=now - 2 * DAY),)),
        a_person(names=HANAKO, results=(insured(until=now - DAY, at=now - 3 * DAY, health_checkup="0"),)),
        a_person("E-0005", names=EVIL, results=(insured(until=far, at=now - 4 * DAY, drug="7", Brandnew="5"),)),
        a_person(
            "F-0006",
            names=FORMULA,
            results=(
                Insured("01", (a_consent("surgery", "1", now - 5 * DAY), a_consent("drug", "0"))),
                Insured("03", (a_consent("surgery", "0"), a_consent("drug", "0"))),
            ),
            validity="3",
        ),
        a_person("C-0003", names=None, results=(all_expired(now - 6 * DAY),), validity="9"),
        a_person("D-0004", names=WAVE, results=(), validity="4"),
    ]


def all_expired(at: int) -> Insured:
    """Return an insurance whose consents have run out at the source."""
    return Insured("01", tuple(a_consent(flag, "2", at, at + 30 * DAY) for flag in LISTED))


async def listed(
    kazasu: Kazasu, *people: Incoming, facility: str = PRACTICE_STATION.id, names: bool = True
) -> list[ListedPerson]:
    """Take people into a station's list; return all of it, the newest first."""
    registry, now = kazasu.importer.registry, kazasu.clock.now()
    reading = Reading(Answer02(Header(executed="20261118090000")), Encoding.UTF_8, (), 0, ())
    new = Upload(new_secret(), facility, Stage.WAITING, now, "事務 さくら", preview(reading, people), len(people))
    file = await registry.keep(new, new_secret().encode(), people, names=names)
    began = await registry.begin(facility, file.id, now)
    assert began is not None
    taken = await registry.take(file, began, len(began), now)
    assert await registry.finish(file, MergeOutcome().with_people(taken), "sakura", now)
    return await registry.search(facility, Search(By.ALL), None, 100_000)
